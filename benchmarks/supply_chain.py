"""Can what the package needs be installed on every Python that it names, under which licenses, and with which known holes?

    python -m benchmarks.supply_chain [-o docs/licences.md]

For each Python, pip resolves requirements.txt with wheels only and installs nothing; it reads or downloads them, some hundred MB.
pip-audit looks up the resolved versions if it is installed and reaches its database; if not, the output says so. The licenses are
those named in the packages' own metadata."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path

PYTHONS = ("3.11", "3.12", "3.13", "3.14")  # as requires-python in pyproject.toml
REQUIREMENTS = Path(__file__).parent.parent / "requirements.txt"


def resolve(python: str, folder: Path) -> dict[str, dict] | str:
    """Metadata by name of everything that would be installed; pip's error if that fails."""
    report = folder / f"{python}.json"
    options = ["--dry-run", "--ignore-installed", "--only-binary=:all:", "--python-version", python, "--target", folder / python]
    command = [sys.executable, "-m", "pip", "install", "--quiet", *options, "--report", report, "-r", REQUIREMENTS]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR: ")]
        return errors[0] if errors else f"pip ended with {done.returncode}"
    found = json.loads(report.read_text())["install"]
    return {one["metadata"]["name"]: one["metadata"] for one in found}


def license_of(metadata: dict) -> str:
    """The expression, or the classifiers, or the first line of the text, in that order of preference."""
    if expression := metadata.get("license_expression"):
        return expression
    classifiers = [name.rpartition(" :: ")[2] for name in metadata.get("classifier", []) if name.startswith("License :: ")]
    named = ", ".join(name for name in classifiers if name != "OSI Approved")
    text = (metadata.get("license") or "").strip().partition("\n")[0]
    return named or text[:60] or "not named"


def audit(versions: set[str], folder: Path) -> str:
    """What pip-audit says about "name==version" lines, in a sentence."""
    pinned = folder / "pinned.txt"
    pinned.write_text("\n".join(sorted(versions)) + "\n")
    command = [sys.executable, "-m", "pip_audit", "-r", str(pinned), "--no-deps", "--disable-pip", "--format", "json"]
    done = subprocess.run(command, capture_output=True, text=True)
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except ValueError:
        last = (done.stderr.strip().splitlines() or ["no answer"])[-1]
        return f"pip-audit could not run: {last}."
    holes = [f"{one['name']} {one['version']}: {hole['id']}" for one in packages for hole in one.get("vulns", [])]
    skipped = [one["skip_reason"] for one in packages if "skip_reason" in one]
    if len(skipped) == len(packages):
        return f"pip-audit could not look up any of them: {skipped[0].rstrip('.')}."
    return f"pip-audit knows {len(holes)} vulnerabilities in {len(packages) - len(skipped)} packages. {'; '.join(holes)}".rstrip()


def table(resolved: dict[str, dict[str, dict] | str], audited: dict[str, str]) -> str:
    """The page docs/licences.md."""
    whole = {python: found for python, found in resolved.items() if isinstance(found, dict)}
    lines = [
        "# Dependencies and their licenses",
        "",
        f"Written by `python -m benchmarks.supply_chain` on {date.today()}: what pip would install for requirements.txt "
        "from wheels alone, including dependencies. Where the version differs between Pythons, all are listed.",
        "",
    ]
    for python, found in resolved.items():
        words = f"{len(found)} packages. {audited[python]}" if python in audited else found
        lines.append(f"- Python {python}: {words}")
    lines += ["", "| package | version | license |", "| --- | --- | --- |"]
    for name in sorted({name for found in whole.values() for name in found}, key=str.lower):
        versions: dict[str, list[str]] = {}
        for python, found in whole.items():
            versions.setdefault(found[name]["version"] if name in found else "none", []).append(python)
        words = next(iter(versions)) if len(versions) == 1 else ", ".join(f"{v} ({', '.join(p)})" for v, p in versions.items())
        metadata = next(found[name] for found in whole.values() if name in found)
        lines.append(f"| {name} | {words} | {license_of(metadata).replace('|', '/')} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, help="Markdown file [print it]")
    output = parser.parse_args().output
    with tempfile.TemporaryDirectory() as folder:
        resolved = {python: resolve(python, Path(folder)) for python in PYTHONS}
        pinned = {python: {f"{name}=={one['version']}" for name, one in found.items()}
                  for python, found in resolved.items() if isinstance(found, dict)}  # fmt: skip
        page = table(resolved, {python: audit(versions, Path(folder)) for python, versions in pinned.items()})
    if output:
        output.write_text(page, encoding="utf-8")
    else:
        print(page)
    return int(any(isinstance(found, str) for found in resolved.values()))


if __name__ == "__main__":
    sys.exit(main())
