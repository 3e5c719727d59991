"""The folder that one run of Codex lives in, and the files that configure it.

It is made for the run and removed after it: what lasts is in the database. Nothing of the
worker's environment is handed on, and no key is in a file: commands can read the disk.
"""

import json
import os
import shutil
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from codex_cli_bin import bundled_codex_path

from agents.providers.connections import get_read_seconds
from agents.providers.openai import OpenAIEndpoint
from agents.workspaces import processes, sandbox
from tasks.access import agent_user

KEY = "STAGENT_PROVIDER_KEY"
PROVIDER = "stagent"
PERMISSIONS = "stagent"
# Folders that Codex mounts over in the workspace for a command, and may leave behind.
LITTER = (".git", ".codex", ".agents", ".aws")
# What a network needs, which is not for the commands.
HANDED_ON = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE")

# Each ends a way in which it would do more than the task: fetch plug-ins, start agents of
# its own, remember this run in the next one, retry for ever.
SWITCHES: dict[str, bool | str | int] = {
    "features.plugins": False,
    "features.apps": False,
    "features.unbounded_connection_retries": False,
    "agents.enabled": False,
    "features.multi_agent": False,
    "features.goals": False,
    "features.hooks": False,
    "features.shell_snapshot": False,
    "skills.bundled.enabled": False,
    "skills.include_instructions": False,  # of the workspace, too
    "web_search": "disabled",
    # Its tool for questions is always offered, and without this it only fails.
    "features.default_mode_request_user_input": True,
    "suppress_unstable_features_warning": True,
    "history.persistence": "none",
    "project_doc_max_bytes": 0,
    "shell_environment_policy.inherit": "core",
}


@dataclass(frozen=True)
class Home:
    """The folder of one run of Codex, and how the process in it is started."""

    folder: Path
    marker: str
    workspace: Path
    litter: frozenset[str]  # what is not there yet, so that what is then is Codex's
    has_network: bool = False  # or Codex reaches its provider, and its commands nothing

    @property
    def scratch(self) -> Path:
        # Below the system's folder for temporary files Codex refuses to work, so it is
        # told that this one is it.
        return self.folder / "tmp-of-commands"

    @property
    def confinement(self) -> sandbox.Confinement:
        """Return what it runs in: Codex puts its commands into a sandbox by itself."""
        workspace = str(self.workspace)
        user = agent_user.find_user(workspace)
        return sandbox.Confinement(
            workspace, str(self.folder), self.marker, user, self.has_network
        )

    def make_command(self, *verb: str, provider: str) -> list[str]:
        """Return the command line by which Codex does `verb` with the configuration of this home.

        `provider` is the base URL that it must reach. Raise ConfinementRefused.
        """
        given = {
            **SWITCHES,
            # Commands inherit neither: the marker finds what they start.
            f"shell_environment_policy.set.{processes.MARKER}": self.marker,
            **{
                f"shell_environment_policy.set.{name}": value
                for name, value in sandbox.GIT.items()
            },
            "shell_environment_policy.set.HOME": str(self.scratch),
        }
        options = [
            part
            for name, value in given.items()
            for part in ("-c", f"{name}={json.dumps(value)}")
        ]
        launcher = self.confinement.make_launcher(
            programs=[str(bundled_codex_path().parents[1])],
            provider=provider,
            is_agent=True,
            has_own_sandbox=True,
        )
        return [*launcher, str(bundled_codex_path()), *options, *verb]

    def make_environment(self, endpoint: OpenAIEndpoint) -> dict[str, str]:
        names = {*HANDED_ON, *(name.lower() for name in HANDED_ON)}
        return {
            **{name: os.environ[name] for name in names if name in os.environ},
            "PATH": _make_search_path(),
            "LANG": os.environ.get("LANG", "C.UTF-8"),
            "HOME": str(self.folder),
            "CODEX_HOME": str(self.folder),
            "TMPDIR": str(self.scratch),
            KEY: endpoint.login.get("Authorization") or endpoint.api_key,
            processes.MARKER: self.marker,
        }

    def create(self, endpoint: OpenAIEndpoint) -> None:
        agent_user.take_over(str(self.workspace))
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        self.folder.mkdir(mode=0o700)  # conversations will be in it
        self.scratch.mkdir()
        (self.folder / "config.toml").write_text(_make_configuration(self, endpoint))

    def hand_over(self) -> None:
        """Give all that was laid out to the user that Codex runs as."""
        self.confinement.hand_over()

    def remove(self) -> None:
        """Remove it, and what its sandbox left in the workspace."""
        shutil.rmtree(self.folder, ignore_errors=True)
        for name in self.litter:
            with suppress(OSError):  # not there, or not empty: then it is the agent's
                (self.workspace / name).rmdir()


def make_home(workspace: Path, homes: Path, *, has_network: bool = False) -> Home:
    marker = processes.make_marker()
    missing = (name for name in LITTER if not os.path.lexists(workspace / name))
    return Home(
        homes / marker,
        marker,
        workspace,
        litter=frozenset(missing),
        has_network=has_network,
    )


def _make_configuration(home: Home, endpoint: OpenAIEndpoint) -> str:
    return "\n".join(
        [
            *_format_pairs(
                model=endpoint.model,
                model_provider=PROVIDER,
                default_permissions=PERMISSIONS,
            ),
            f"[model_providers.{PROVIDER}]",
            *_format_pairs(
                name="The provider",
                base_url=endpoint.address,
                wire_api="responses",
                # All retries are ours: Codex hides why it retries, and for how long.
                request_max_retries=0,
                stream_max_retries=0,
                stream_idle_timeout_ms=round(get_read_seconds() * 1_000),
            ),
            # As the key, or as the whole header that it would be in.
            f"env_http_headers = {{ Authorization = {_format_value(KEY)} }}"
            if endpoint.login
            else f"env_key = {_format_value(KEY)}",
            # Otherwise it trusts a folder with .git, and runs what is configured in there.
            f"[projects.{_format_value(str(home.workspace))}]",
            *_format_pairs(trust_level="untrusted"),
            f"[permissions.{PERMISSIONS}]",
            *_format_pairs(extends=":workspace"),
            f"[permissions.{PERMISSIONS}.network]",
            f"enabled = {json.dumps(home.has_network)}",
            f"[permissions.{PERMISSIONS}.filesystem]",
            *(
                f"{_format_value(path)} = {_format_value(access)}"
                for path, access in _list_access(home)
            ),
            "",
        ]
    )


def _list_access(home: Home) -> Iterable[tuple[str, str]]:
    """List what commands may see, beyond reading the machine and writing the workspace.

    With at least one folder denied Codex never runs a command outside of its sandbox by
    itself; without any it does, with what was allowed once and what the sandbox refused.
    """
    program = str(bundled_codex_path().parents[1])
    hidden = {*sandbox.list_hidden_folders(), str(home.folder), "/tmp"}  # noqa: S108
    # Each command starts the program in the sandbox once more, so it cannot be in a folder
    # that is denied: not even one that may be read is seen in there.
    denied = {folder for folder in hidden if not program.startswith(f"{folder}/")}
    access: Mapping[str, str] = {
        # Where it is not denied, for the program is in it. What can be written could be changed.
        ":slash_tmp": "read",
        **dict.fromkeys(_keep_outermost(denied), "deny"),
        str(home.scratch): "write",
        str(home.workspace): "write",
    }
    return access.items()


def _make_search_path() -> str:
    """Return the PATH of Codex and its commands, on which its own bubblewrap comes first.

    It takes the first one, and with one before 0.9 (Debian 12 has 0.8), which cannot start its
    helper by the name that it goes by, every command would fail.
    """
    package = bundled_codex_path().parents[1]
    own = (str(package / name) for name in ("codex-resources", "codex-path"))
    return os.pathsep.join([*own, os.environ.get("PATH", os.defpath)])


def _keep_outermost(folders: set[str]) -> list[str]:
    """Leave out what lies in another of the folders: the sandbox cannot hide it twice."""
    return [
        folder
        for folder in sorted(folders)
        if not any(folder.startswith(f"{other}/") for other in folders)
    ]


def _format_pairs(**values: str | int) -> list[str]:
    return [f"{name} = {_format_value(value)}" for name, value in values.items()]


def _format_value(value: str | int) -> str:
    """Write a TOML value: its strings are JSON's, but for what no path or URL has."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
