"""Verdicts as files: text, page, data, and a picture of each claim that has one."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from washout.errors import WashoutError
from washout.present import verdict_figures, verdicts, verdicts_html
from washout.store.files import replace_file
from washout.study.judged import Judged, Judgement

TEXT, PAGE, DATA = "verdicts.md", "verdicts.html", "verdicts.json"


def write_verdicts(
    judgement: Judgement, folder: str | Path, *, theme: str = "auto"
) -> tuple[Path, ...]:
    """Leave verdicts.md, verdicts.html, verdicts.json and a PNG per claim in `folder`.

    Every file is replaced as a whole, the same judgement gives the same bytes. Gives
    the paths. `theme` auto: the page follows the reader, pictures are light.
    WashoutError if the folder cannot be written.
    """
    target = Path(folder)
    outputs = render(judgement, theme=theme)
    try:
        target.mkdir(parents=True, exist_ok=True)
        for name, content in outputs.items():
            replace_file(target / name, content)
    except OSError as error:
        raise WashoutError(
            f"{target} cannot be written: {error.strerror}. Name another folder."
        ) from None
    return tuple(target / name for name in outputs)


def render(judgement: Judgement, *, theme: str = "auto") -> dict[str, bytes]:
    """The files by name, in memory."""
    drawn = [one for one in judgement.claims if one.figure is not None]
    names = {one.id: picture_name(one) for one in drawn}
    return {
        TEXT: verdicts.markdown(judgement, names).encode(),
        PAGE: verdicts_html.page(judgement, theme=theme).encode(),
        DATA: verdicts.as_json(judgement).encode(),
        **{names[one.id]: _picture(one, theme) for one in drawn},
    }


def picture_name(judged: Judged) -> str:
    """The file of a claim's picture."""
    return f"{re.sub(r'[^A-Za-z0-9_-]', '-', judged.id)}.png"


def _picture(judged: Judged, theme: str) -> bytes:
    with tempfile.TemporaryDirectory() as scratch:
        path = verdict_figures.draw(
            judged, Path(scratch, "claim.png"), scale=2,
            theme="light" if theme == "auto" else theme,
        )  # fmt: skip
        return path.read_bytes()
