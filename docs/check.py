"""Checks the project's pages: links inside the repository lead somewhere, and figures stand between markers that close."""
import re
import subprocess
import sys
from pathlib import Path

root = Path(__file__).resolve().parent.parent
listed = subprocess.run(["git", "ls-files", "*.md"], cwd=root, capture_output=True, text=True, check=True).stdout
faults = []


def slug(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def anchors(page: Path) -> set[str]:
    return {slug(line.lstrip("#")) for line in page.read_text().splitlines() if line.startswith("#")}


for name in listed.split():
    page = root / name
    text = page.read_text()
    prose = re.sub(r"```.*?```", "", text, flags=re.S)
    for target in re.findall(r"\]\(([^)\s]+)\)", prose):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        goal = (page.parent / path).resolve() if path else page
        if not goal.exists():
            faults.append(f"{name}: {target} leads nowhere")
        elif anchor and goal.suffix == ".md" and anchor not in anchors(goal):
            faults.append(f"{name}: {target} has no such heading")
    opened = re.findall(r"<!-- (bench:[\w-]+) -->", text)
    if len(opened) != text.count("<!-- /bench -->"):
        faults.append(f"{name}: a bench marker is not closed")

print("\n".join(faults) or f"{len(listed.split())} pages are sound")
sys.exit(bool(faults))
