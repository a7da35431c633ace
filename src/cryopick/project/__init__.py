"""Projects: what is remembered. A folder with SQLite inside and STAR files outside."""

from cryopick.project.status import project_status
from cryopick.project.store import Project, create_project, open_project

__all__ = ["Project", "create_project", "open_project", "project_status"]
