from srgan_hub.signals import exit_with


def main() -> int:
    from srgan_hub.cli import main

    return main()


def start() -> None:
    """The command `srgan-hub`."""
    exit_with(main)


if __name__ == "__main__":
    start()
