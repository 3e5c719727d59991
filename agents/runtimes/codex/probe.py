"""Whether Codex can put its commands into its sandbox on this machine.

Where it cannot, each command fails while the agent goes on as if all were well.
"""

from agents.providers.openai import DEFAULT_MODEL, VENDOR_URL, OpenAIEndpoint
from agents.runtimes.codex.home import PERMISSIONS, Home, make_home
from agents.workspaces import probes, processes, sandbox

# Nothing is sent anywhere.
ENDPOINT = OpenAIEndpoint(VENDOR_URL, DEFAULT_MODEL, api_key="none")
FIX = (
    "Allow user namespaces: `sysctl user.max_user_namespaces` must not be 0; on Ubuntu set"
    " kernel.apparmor_restrict_unprivileged_userns=0; in Docker run with"
    " --security-opt seccomp=unconfined."
)


def find_obstacle() -> tuple[str, str]:
    """Return why no sandbox works here and what mends it; nothing where one does."""
    with probes.make_workspace() as workspace:
        home = make_home(workspace, sandbox.get_agent_homes())
        try:
            problem = _find_problem(home)
        finally:
            processes.kill_marked(home.marker, None)
            home.remove()
    if problem:
        return f"The sandbox of Codex does not work here ({problem}).", FIX
    return "", ""


def _find_problem(home: Home) -> str:
    """Run a command as a run does: in the home of one, with all that is denied in there."""
    home.create(ENDPOINT)
    home.hand_over()
    where = ("-P", PERMISSIONS, "-C", str(home.workspace))
    return probes.run_probe(
        home.make_command(
            "sandbox", *where, "--", "/bin/true", provider=ENDPOINT.address
        ),
        folder=home.workspace,
        environment=home.make_environment(ENDPOINT),
    )
