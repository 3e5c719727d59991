"""What a deny rule catches: rather too much than too little."""

import time

import pytest

from tasks.rules.patterns import denies

RM = [
    "rm x",
    "rm -rf x",
    "rm",
    "/bin/rm x",
    "./rm x",
    "RM x",
    "\\rm x",
    "r\\m x",
    "r''m x",
    'r"m" x',
    "'rm' x",
    "cd x && rm -rf y",
    "true; rm x",
    "false || rm x",
    "ls | rm x",
    "sleep 1 & rm x",
    "ls\nrm x",
    "(rm x)",
    "{ rm x; }",
    "! rm x",
    "time rm x",
    "if rm x; then ls; fi",
    "X=1 rm x",
    "X=rm; $X x",
    "echo `rm x`",
    "echo $(rm x)",
    'echo "$(rm x)"',
    "cat <(rm x)",
    "$(echo rm) x",
    "r${x}m x",
    "r$@m x",
    "rm$IFS-rf${IFS}x",
    "{rm,-rf,x}",
    "/bin/r? x",
    "/bin/r* x",
    "sudo rm x",
    "sudo -u root rm x",
    "doas rm x",
    "env rm x",
    "env X=1 rm x",
    "env -S 'rm x'",
    "xargs rm",
    "ls | xargs -0 rm",
    "timeout 5 rm x",
    "nohup rm x",
    "nice rm x",
    "watch rm x",
    "busybox rm x",
    "command rm x",
    "exec rm x",
    "eval 'rm x'",
    "bash -c 'rm x'",
    'bash -c "cd y && rm x"',
    "sh -c rm",
    "ssh host rm x",
    "parallel rm ::: x",
    "find . -exec rm {} +",
    "find . -exec /bin/rm {} ';'",
    "python -c \"import os; os.system('rm x')\"",
    "perl -e 'system(\"rm x\")'",
    "awk 'BEGIN{system(\"rm x\")}'",
    "git -c alias.x='!rm x' x",
    "git submodule foreach 'rm x'",
    "mytool rm x",
    "rm x > y",
    "rm ~/x",
    "rm *",
    'rm "$x"',
    "trap 'rm x' EXIT",
    "f() { rm x; }; f",
    "echo 'rm x' | sh",
    "bash <<< 'rm x'",
    "cat <<EOF | sh\nrm x\nEOF",
    "rm 'unclosed",
    f"{'a' * 25_000}; rm x",
]

HOSTILE = ["rm " * 10_000, "${" * 15_000, "a/" * 15_000, "-" * 30_000, "\\" * 30_000]

NOT_RM = [
    "ls",
    "ls rm",
    "echo rm",
    "grep -r rm src",
    "cat rm.txt",
    "git rm x",
    "git log --grep=rm",
    "rmdir x",
    "ls && ls -la",
    "npm run format",
    "cp farm charm",
    "ls *.py",
]


@pytest.mark.parametrize("line", RM)
def test_a_command_is_denied_however_it_is_hidden(line):
    assert denies("run:rm *", f"run:{line}")
    assert denies("run:rm", f"run:{line}")
    assert denies("run", f"run:{line}")


@pytest.mark.parametrize("line", HOSTILE)
def test_looking_at_a_long_hostile_line_takes_no_time(line):
    started = time.perf_counter()
    denies("run:rm -x y z", f"run:{line}")
    assert time.perf_counter() - started < 1


@pytest.mark.parametrize("line", NOT_RM)
def test_what_only_speaks_of_it_is_not_denied(line):
    assert not denies("run:rm *", f"run:{line}")


@pytest.mark.parametrize(
    "line",
    [
        "git push",
        "git push origin main",
        "git -C x push",
        "git -c a=b push",
        "git --no-pager push -f",
        "cd x && git push",
        "/usr/bin/git push",
        "git pu''sh",
    ],
)
def test_a_subcommand_is_denied_with_whatever_is_between(line):
    assert denies("run:git push *", f"run:{line}")


@pytest.mark.parametrize("line", ["git pull", "git log push", "git status"])
def test_other_subcommands_are_not(line):
    assert not denies("run:git push *", f"run:{line}")


@pytest.mark.parametrize(
    ("line", "is_denied"),
    [
        ("rm -rf x", True),
        ("rm -fr x", True),
        ("rm -r -f x", True),
        ("rm -rvf x", True),
        ("sudo rm -f -r x", True),
        ("rm -r x", False),
        ("rm x", False),
    ],
)
def test_options_are_denied_in_any_order(line, is_denied):
    assert denies("run:rm -rf *", f"run:{line}") is is_denied


def test_a_version_of_a_program_is_that_program():
    assert denies("run:python *", "run:python3.11 x.py")


@pytest.mark.parametrize(
    "action",
    [
        "write:/secrets/a",
        "write:/secrets/b/c",
        "write:/Secrets/a",
        "write:/secrets/.a",
        "write:/secrets/**",
        "write:/**",
    ],
)
def test_paths_are_denied_whatever_their_case_and_from_above(action):
    assert denies("write:/secrets/**", action)


@pytest.mark.parametrize(
    "action", ["write:/secret", "write:/a/secrets/b", "write:/a/**", "read:/secrets/a"]
)
def test_other_paths_are_not_denied(action):
    assert not denies("write:/secrets/**", action)


def test_a_kind_alone_denies_what_lies_outside_too():
    assert denies("write", "write:outside:/etc/hosts")
    assert denies("write:outside:/etc/**", "write:outside:/etc/hosts")
    assert not denies("write:/etc/**", "write:outside:/etc/hosts")


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example/x",
        "http://evil.example:8080/x?y",
        "https://EVIL.example/x",
        "https://evil.example./x",
        "https://a@evil.example/x",
        "https://good.example\\@evil.example/x",
        "https://evil%2eexample/x",
        "//evil.example/x",
        "evil.example/x",
        "https://evil.example/a/../x",
        "https://\uff45vil.example/x",
    ],
)
def test_a_host_is_denied_however_it_is_written(address):
    assert denies("fetch:https://evil.example/**", f"fetch:{address}")


@pytest.mark.parametrize(
    "path",
    [
        "/admin/a",
        "/Admin/a%20b",
        "/%61dmin/a",
        "/%2561dmin/a",
        "/docs/..;/admin/a",
        "/docs/%252e%252e/admin/a",
        "/docs/%25252e%25252e/admin/a",
        "/docs/%u002e%u002e/admin/a",
        "/docs/%c0%ae%c0%ae/admin/a",
        "/docs/\uff0e\uff0e/admin/a",
        "//admin/a",
        "/a b/%2e%2e/admin/a",
        "/" + "a" * 4_000,
    ],
)
def test_a_path_of_a_host_is_denied_however_it_is_written(path):
    assert denies("fetch:https://x.org/admin/**", f"fetch:https://x.org{path}")


@pytest.mark.parametrize("path", ["/", "/docs/a%20b", "/docs/admin/a", "/B%C3%BCcher"])
def test_other_paths_of_a_host_are_not_denied(path):
    assert not denies("fetch:https://x.org/admin/**", f"fetch:https://x.org{path}")


def test_a_denied_path_may_be_written_with_codes_too():
    assert denies("fetch:https://x.org/a%20b/**", "fetch:https://x.org/a%20b/c")


def test_a_set_in_a_denied_command_stands_for_any_character():
    assert denies("run:rm [a-c]*", "run:rm abc")
    assert not denies("run:rm [a-c]*", "run:ls abc")


def test_other_hosts_are_not_denied():
    for address in ("https://good.example/", "https://evil.example.org/"):
        assert not denies("fetch:https://evil.example/**", f"fetch:{address}")


def test_tools_are_denied_whatever_their_case():
    assert denies("mcp:github/*", "mcp:GitHub/delete_repo")
    assert not denies("mcp:github/get_issue", "mcp:github/list_issues")
