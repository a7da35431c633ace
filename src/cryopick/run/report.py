"""``report.html``: one self-contained page per job, made from what lies in its folder."""

from __future__ import annotations

import base64
import json
import shlex
import time
from collections.abc import Iterable, Mapping
from html import escape
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

from pydantic import BaseModel, Field, ValidationError

from cryopick.errors import FormatError, MissingFileError
from cryopick.io.atomic import write_text
from cryopick.run.folder import REPORT, SUMMARY, JobFolder
from cryopick.run.record import Record, read_record
from cryopick.run.report_style import STYLE
from cryopick.run.summary import OWN_KEYS

SLOWEST = 10
SHORT = 3
LONG = 500


class _Figure(BaseModel):
    title: str
    caption: str
    file: str


class _Summary(BaseModel):
    """What the page asks of ``summary.json``; the results of a job stand beside it."""

    sentence: str = ""
    items: dict[str, int] = Field(default_factory=dict[str, int])
    failed: dict[str, str] = Field(default_factory=dict[str, str])
    warnings: list[str] = Field(default_factory=list[str])
    files: dict[str, str] = Field(default_factory=dict[str, str])
    plots: list[_Figure] = Field(default_factory=list[_Figure])
    next_command: str = ""
    seconds_per_item: float | None = None


def write_report(folder: str | Path) -> Path:
    """Make the report of a job that has ended, from its record, summary and plots.

    Returns
    -------
    Path
        The page: no outside address in it, so it can be mailed or kept.
    """
    place = JobFolder(folder)
    record = read_record(place.path)
    summary = place.summary()
    if not summary:
        raise MissingFileError(
            place.path / SUMMARY, f"the job has not ended; see: cryopick status {place.path}"
        )
    try:
        _Summary.model_validate(summary)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise FormatError(
            place.path / SUMMARY,
            f"is not the summary of a job ({where}: {first['msg']})",
            f"make it again: cryopick resume {place.path}",
        ) from error
    page = place.path / REPORT
    write_text(page, render_report(place.path, record, summary))
    return page


def render_report(folder: Path, record: Record, summary: Mapping[str, Any]) -> str:
    """Give the page as text."""
    sections = [
        _head(folder, record, summary),
        _failures(summary.get("failed", {})),
        _warnings(summary.get("warnings", [])),
        _next(str(summary.get("next_command", ""))),
        _results(summary),
        *(figure_html(folder, plot) for plot in summary.get("plots", [])),
        _parameters(record),
        _timing(record, summary),
        _inputs(record),
        _machine(record),
    ]
    return page_html(f"{record.job}: {summary.get('sentence', '')}", filter(None, sections))


def page_html(title: str, sections: Iterable[str]) -> str:
    """Give a whole page: sections under one title, with no address outside it."""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(sections)
        + "\n</main>\n</body>\n</html>\n"
    )


def _head(folder: Path, record: Record, summary: Mapping[str, Any]) -> str:
    counts = summary.get("items", {})
    state = "failed" if counts.get("failed") else "done"
    words = f"{counts.get('done', 0)} of {counts.get('total', 0)} items done"
    if counts.get("failed"):
        words += f", {counts['failed']} failed"
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(record.started))
    return (
        f'<header><p class="job">cryopick {escape(record.job)}</p>'
        f"<h1>{escape(str(summary.get('sentence', '')))}</h1>"
        f'<p class="facts"><span class="{state}">{words}</span> '
        f"<span>{format_seconds(record.seconds)}</span> <span>{when}</span> "
        f"<code>{escape(str(folder))}</code></p></header>"
    )


def _failures(failed: Mapping[str, str]) -> str:
    if not failed:
        return ""
    rows = [(f"<code>{escape(name)}</code>", escape(line)) for name, line in failed.items()]
    return section_html("Failed items", _table(("item", "why"), rows), css="bad")


def _warnings(lines: Iterable[str]) -> str:
    points = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return section_html("Warnings", f"<ul>{points}</ul>", css="warn") if points else ""


def _next(command: str) -> str:
    if not command:
        return ""
    return section_html("Next", f"<pre><code>{escape(command)}</code></pre>")


def _results(summary: Mapping[str, Any]) -> str:
    own = {name: value for name, value in summary.items() if name not in OWN_KEYS}
    rows = [(escape(_words(name)), format_value(value)) for name, value in own.items()]
    files = [
        (
            escape(_words(name)),
            # Quoted: a colon, # or ? in a file's name must not make another address of it.
            f'<a href="{quote(str(path))}"><code>{escape(str(path))}</code></a>',
        )
        for name, path in summary.get("files", {}).items()
        if "://" not in str(path)
    ]
    body = _table(("result", "value"), rows) if rows else ""
    body += _table(("file", "name"), files) if files else ""
    return section_html("Results", body) if body else ""


def figure_html(folder: Path, plot: Mapping[str, str]) -> str:
    """Give one figure of a job as a section; nothing where its file is not there."""
    path = folder / plot["file"]
    if not path.resolve().is_relative_to(folder.resolve()):
        return ""  # a summary edited by hand must not pull other files into the page
    try:
        data = path.read_bytes()
    except OSError:
        return ""
    kind = "svg+xml" if path.suffix == ".svg" else "png"
    # As an image of its own: names inside one figure cannot clash with those of another.
    source = f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"
    caption = f"<figcaption>{escape(plot['caption'])}</figcaption>" if plot["caption"] else ""
    return section_html(
        plot["title"],
        f'<figure><img alt="{escape(plot["title"])}" src="{source}">{caption}</figure>',
    )


def _parameters(record: Record) -> str:
    rows: list[tuple[str, ...]] = []
    for name, value in record.params.items():
        meaning = record.meanings.get(name)
        unit = meaning.unit if meaning else ""
        text = format_value(value)
        if meaning and value != meaning.default:
            text = f"<strong>{text}</strong>"
        about = meaning.description if meaning else ""
        rows.append((f"<code>{escape(name)}</code>", text, escape(unit), escape(about)))
    rows.append(("<code>seed</code>", str(record.seed), "", "Seed of all random numbers."))
    table = _table(("parameter", "value", "unit", "meaning"), rows)
    return section_html("Parameters", table + "<p>Bold: not the default.</p>")


def _timing(record: Record, summary: Mapping[str, Any]) -> str:
    rows = [
        ("whole job", format_seconds(record.seconds)),
        ("started or resumed", f"{record.sittings}×"),
        ("worked on by", f"{record.workers} × {escape(', '.join(record.devices))}"),
    ]
    if (middle := summary.get("seconds_per_item")) is not None:
        rows.append(("median item", format_seconds(float(middle))))
    slow = sorted(record.timings.items(), key=lambda pair: -pair[1])[:SLOWEST]
    body = _table(("", "time"), rows)
    if len(slow) > 1:
        times = [(f"<code>{escape(name)}</code>", format_seconds(s)) for name, s in slow]
        body += f"<details><summary>Slowest items</summary>{_table(('item', 'time'), times)}"
        body += "</details>"
    return section_html("Timing", body)


def _inputs(record: Record) -> str:
    if not record.inputs:
        return ""
    rows = [
        (
            f"<code>{escape(name)}</code>",
            f"{found.size_bytes:,}",
            f"<code>{found.sha256[:12]}</code>",
        )
        for name, found in list(record.inputs.items())[:500]
    ]
    count = f"{len(record.inputs)} input files"
    table = _table(("file", "bytes", "SHA-256 begins"), rows)
    return section_html("Inputs", f"<details><summary>{count}</summary>{table}</details>")


def _machine(record: Record) -> str:
    rows = [(escape(name), escape(value)) for name, value in record.versions.items()]
    rows += [(escape(_words(name)), format_value(value)) for name, value in record.host.items()]
    again = f"cryopick rerun job.json -o {shlex.quote('NEW_FOLDER')}"
    table = f"<details><summary>Versions and machine</summary>{_table(('', ''), rows)}</details>"
    return section_html("Repeat", f"<pre><code>{again}</code></pre>{table}")


def section_html(title: str, body: str, *, css: str = "") -> str:
    """Give one card of the page; ``body`` is HTML, ``title`` text."""
    mark = f' class="{css}"' if css else ""
    return f"<section{mark}><h2>{escape(title)}</h2>{body}</section>"


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    top = "".join(f"<th>{head}</th>" for head in heads) if any(heads) else ""
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return (
        f'<div class="wide"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'
    )


def format_value(value: Any) -> str:
    """Show a JSON value as people read it; gives HTML.

    Examples
    --------
    >>> format_value(1204), format_value(True), format_value({"edge": 3})
    ('1,204', 'yes', 'edge: 3')
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "none"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, str):
        return escape(value) if value else "(empty)"
    if isinstance(value, list):
        parts = cast("list[Any]", value)
        if all(isinstance(part, str | int | float) for part in parts):
            shown = ", ".join(format_value(part) for part in parts[:20])
            return shown + (f" and {len(parts) - 20} more" if len(parts) > 20 else "")
    if isinstance(value, dict):
        return _mapping(cast("dict[str, Any]", value))
    return f"<code>{escape(json.dumps(value))}</code>"


def _mapping(values: Mapping[str, Any]) -> str:
    """Show a few pairs in a line, more as a table that unfolds."""
    pairs = [(escape(str(name)), format_value(value)) for name, value in values.items()]
    nested = any(isinstance(value, dict | list) for value in values.values())
    if len(pairs) <= SHORT and not nested:
        return ", ".join(f"{name}: {value}" for name, value in pairs) or "none"
    table = _table(("", ""), pairs[:LONG])
    more = f" (the first {LONG})" if len(pairs) > LONG else ""
    return f"<details><summary>{len(pairs)} values{more}</summary>{table}</details>"


def _words(name: str) -> str:
    return name.replace("_", " ")


def format_seconds(seconds: float) -> str:
    """Say a time as people do.

    Examples
    --------
    >>> format_seconds(0.0123), format_seconds(75), format_seconds(3_725)
    ('12 ms', '1 min 15 s', '1 h 02 min')
    """
    if seconds < 1:
        return f"{1000 * seconds:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
