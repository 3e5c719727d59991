"""A task whose agent is at work: `work.begin()`, then whatever it makes."""

from agents.worker.assignments import copy_files, prepare_run
from tasks.files.folders import locate_workspace
from tests.factories import RunFactory, SessionFactory


class Work:
    """What is in the folder before `begin()` was there when the run began."""

    prompt = ""  # what the agent was told

    def __init__(self, **task):
        self.run = RunFactory(
            **{f"task__{name}": value for name, value in task.items()}
        )
        self.task = self.run.task
        self.folder = locate_workspace(self.task.pk)
        self.url = f"/api/tasks/{self.task.pk}"

    def write(self, **files):
        """Write files: `write(**{"a/b.txt": "text"})`."""
        for path, content in files.items():
            file = self.folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(
                content if isinstance(content, bytes) else content.encode()
            )
        return self

    def begin(self):
        self.prompt = copy_files(prepare_run(self.run)).assignment.prompt
        return self

    def texts(self):
        """Return what is in the folder, as {path: text}."""
        return {
            str(path.relative_to(self.folder)): path.read_text()
            for path in self.folder.rglob("*")
            if path.is_file()
        }

    def begin_again(self):
        """Start the task afresh, in a new session."""
        self.run.status = "completed"
        self.run.save(update_fields=["status"])
        session = SessionFactory(task=self.task)
        self.run = RunFactory(task=self.task, session=session)
        return self.begin()
