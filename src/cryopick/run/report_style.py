"""The look of ``report.html``: light and dark, screen and paper."""

STYLE = """
:root{color-scheme:light dark;--ink:#1b2430;--soft:#5b6776;--line:#dfe4ea;--page:#f5f7f9;
--card:#fff;--accent:#0b6e75;--bad:#b3261e;--warn:#8a5a00;--good:#1c7a45}
@media(prefers-color-scheme:dark){:root{--ink:#e3e8ee;--soft:#98a4b3;--line:#2c3541;
--page:#12171d;--card:#1a212a;--accent:#58c4cb;--bad:#ff8a80;--warn:#f0c05a;--good:#6ed69a}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);
font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
main{max-width:60rem;margin:0 auto;padding:2.5rem 1.25rem 4rem}
header{margin-bottom:2rem}
h1{font-size:1.75rem;line-height:1.25;margin:.1rem 0 .6rem;font-weight:650;text-wrap:balance}
h2{font-size:1.02rem;margin:0 0 .7rem;font-weight:650}
.job{margin:0;color:var(--accent);font-weight:600}
.facts{margin:0;color:var(--soft);display:flex;flex-wrap:wrap;gap:.3rem 1.2rem}
.facts .done{color:var(--good)}.facts .failed{color:var(--bad)}
section{background:var(--card);border:1px solid var(--line);border-radius:10px;
padding:1.1rem 1.25rem;margin:0 0 1rem}
section.bad{border-left:4px solid var(--bad)}section.warn{border-left:4px solid var(--warn)}
section p{color:var(--soft);font-size:.88rem;margin:.6rem 0 0}
.wide{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:.92rem;font-variant-numeric:tabular-nums}
table+table{margin-top:1rem}
th{text-align:left;color:var(--soft);font-weight:500;font-size:.82rem;padding:0 1rem .35rem 0}
td{padding:.34rem 1rem .34rem 0;border-top:1px solid var(--line);vertical-align:top}
code{font:.9em ui-monospace,SFMono-Regular,Menlo,"DejaVu Sans Mono",monospace;
overflow-wrap:anywhere}
pre{margin:0;padding:.7rem .9rem;background:var(--page);border-radius:7px;overflow-x:auto}
a{color:var(--accent)}ul{margin:0;padding-left:1.2rem}
details{margin-top:.5rem}summary{cursor:pointer;color:var(--soft)}
details .wide{margin-top:.6rem}
figure{margin:0}figure img{display:block;max-width:100%;height:auto;margin:0 auto;
background:#fff;border-radius:6px}
figcaption{color:var(--soft);font-size:.88rem;margin-top:.6rem}
@media print{body{background:#fff}section{break-inside:avoid}}
"""
