"""Figures of reports, written as SVG: no plotting library, whose import outlasts most jobs."""
