"""Ask every external link of the course whether it still leads somewhere.

    python -m course_tools.check_links          # asks; a few minutes, needs a network
    python -m course_tools.check_links --list   # shows the links and where they stand

Reads the Markdown files, the notebooks' text and the sources. Broken is what is gone
(404, 410, a host without an address); doubtful is what may be there (403, 429, 5xx, no
answer in time), since many sites turn programs away. Only broken links end with code
1; code 2 means that no site at all could be reached. Links inside the repository are
checked by `make test`.
"""

import http.client
import json
import re
import socket
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from pathlib import Path
from typing import NamedTuple
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlsplit
from urllib.request import Request, urlopen

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("benchmarks", "course_tools", "course_utils", "data", "docs", "notebooks")
KINDS = ("*.md", "*.ipynb", "*.py", "*.sh", "*.toml", "*.cff", "LICENSE-TEXT")
# A pair of parentheses belongs to a link, a lone one and the sentence's end do not.
LINK = re.compile(r"https?://(?:\([^\s()]*\)|[^\s()<>\[\]{}\"'`\\|])++(?!\{)")
NOT_ASKED = re.compile(r"your_org|\bexample\.|127\.0\.0\.1|localhost|www\.w3\.org/2000")
AGENT = "Mozilla/5.0 (compatible; vit-course-links/1; weekly check of a course's links)"
WAITS = (0, 5, 30)  # seconds before each try
PAUSE = 3  # seconds between two questions to one host; arXiv asks for as many
TIMEOUT = 30
NO_ADDRESS = "the host has no address"


class Answer(NamedTuple):
    state: str  # ok, doubtful or broken
    reason: str


def collect(root: Path = ROOT) -> dict[str, list[str]]:
    """Return every external link, and the files in which it stands."""
    found: dict[str, list[str]] = {}
    folders = [root.glob, *((root / name).rglob for name in FOLDERS)]
    for path in sorted({p for kind in KINDS for find in folders for p in find(kind)}):
        for link in sorted(set(LINK.findall(_text(path)))):
            link = link.partition("#")[0].rstrip(".,;:!?*_")
            if not NOT_ASKED.search(link):
                places = found.setdefault(link, [])
                if path.relative_to(root).as_posix() not in places:
                    places.append(path.relative_to(root).as_posix())
    return dict(sorted(found.items()))


def _text(path: Path) -> str:
    """Return a file's text; of a notebook without its outputs."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".ipynb":
        return text
    return "\n".join("".join(cell["source"]) for cell in json.loads(text)["cells"])


def ask(url: str, *, waits=WAITS, timeout=TIMEOUT) -> Answer:
    """Ask for one link: the head first, then the page; again where that may help."""
    for wait in waits:
        time.sleep(wait)
        answer, again = _ask_once(url, "HEAD", timeout)
        if answer.state != "ok" and answer.reason != "429":  # some know only GET
            answer, again = _ask_once(url, "GET", timeout)
        if not again:
            break
    return answer


def _ask_once(url: str, method: str, timeout: float) -> tuple[Answer, bool]:
    """Return the answer, and whether another try may bring another one."""
    address = quote(url, safe="%/:=&?~+!$,;'@()*[]")
    request = Request(address, method=method, headers={"User-Agent": AGENT})
    try:
        with urlopen(request, timeout=timeout) as page:
            return Answer("ok", str(page.status)), False
    except HTTPError as error:
        state = "broken" if error.code in (404, 410) else "doubtful"
        return Answer(state, str(error.code)), error.code >= 429
    except URLError as error:
        if isinstance(error.reason, socket.gaierror):
            return Answer("broken", NO_ADDRESS), True
        return Answer("doubtful", str(error.reason)), True
    except (OSError, http.client.HTTPException) as error:
        return Answer("doubtful", str(error) or type(error).__name__), True


def ask_all(links, *, pause=PAUSE, **options) -> Iterator[tuple[str, Answer]]:
    """Ask for all links: several hosts side by side, each host one link at a time."""

    def ask_host(urls):
        answers = []
        for url in urls:
            if answers and answers[-1].reason == NO_ADDRESS:
                answers.append(answers[-1])
                continue
            time.sleep(pause if answers else 0)
            answers.append(ask(url, **options))
        return zip(urls, answers, strict=True)

    hosts = [list(urls) for _, urls in groupby(sorted(links), lambda u: urlsplit(u)[1])]
    with ThreadPoolExecutor(max_workers=8) as pool:
        for answers in pool.map(ask_host, hosts):
            yield from answers


def main(arguments: list[str], root: Path = ROOT, **options) -> int:
    links = collect(root)
    if arguments == ["--list"]:
        for url, places in links.items():
            print(url, f"({', '.join(places)})")
        return 0
    if arguments:
        print(f"links: do not know {' '.join(arguments)}; only --list", file=sys.stderr)
        return 2
    print(f"links: asking for {len(links)}, host by host", flush=True)
    states = {"ok": 0, "doubtful": 0, "broken": 0}
    reached = False
    for url, (state, reason) in ask_all(links, **options):
        states[state] += 1
        reached = reached or reason.isdigit()
        places = "" if state == "ok" else f" ({', '.join(links[url])})"
        print(f"{state:8} {reason}: {url}{places}", flush=True)
    print("links:", ", ".join(f"{count} {state}" for state, count in states.items()))
    if links and not reached:
        print("links: no site answered; is this machine online?", file=sys.stderr)
        return 2
    return 1 if states["broken"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
