from srgan_hub.ending import exit_with


def main() -> int:
    from srgan_hub.cli import main  # late: Ctrl-C while torch is imported is no traceback

    return main()


def start() -> None:
    """The command `srgan-hub`."""
    exit_with(main)


if __name__ == "__main__":
    start()
