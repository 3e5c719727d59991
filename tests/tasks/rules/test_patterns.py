"""What rules for paths, addresses and servers' tools cover."""

import pytest
from django.core.exceptions import ValidationError

from tasks.rules.patterns import covers, pattern_for, validate


@pytest.mark.parametrize(
    ("pattern", "action"),
    [
        ("read", "read:/a"),
        ("read", "read:/"),
        ("read", "read:/**"),
        ("read:/**", "read:/"),
        ("read:/**", "read:/a/b/.env"),
        ("read:/**", "read:/a/**"),
        ("read:/a/**", "read:/a/**"),
        ("write:/reports/*", "write:/reports/q4.md"),
        ("write:/reports/**", "write:/reports/2026/q4.md"),
        ("write:/reports/q?.md", "write:/reports/q4.md"),
        ("write:/.github/**", "write:/.github/workflows/a.yml"),
        ("write:/**/a/**/b/**", "write:/x/a/y/z/b/c"),
        ("write", "write:/.env"),
        ("write:/a b/*", "write:/a b/ü.txt"),
    ],
)
def test_a_path_is_covered(pattern, action):
    validate(pattern)
    assert covers(pattern, action)


@pytest.mark.parametrize(
    ("pattern", "action"),
    [
        ("write:/reports/*", "write:/reports/2026/q4.md"),
        ("write:/reports/*", "write:/a/reports/q4.md"),
        ("write:/reports/*", "write:/reports2/q4.md"),
        ("write:/reports/**", "write:/reports/../a"),
        ("write:/reports/**", "write:/reports/./a"),
        ("write:/reports/**", "write:/reports//a"),
        ("write:/reports/**", "write:/reports/a/"),
        ("write:/reports/**", "write:reports/a"),
        ("write:/**", "write:/.git/config"),
        ("write:/**", "write:/a/.git/hooks/post-checkout"),
        ("write:/**", "write:/.claude/settings.json"),
        ("write:/**", "write:/.mcp.json"),
        ("write:/a/*", "write:/a/.env"),
        ("write:/a/?env", "write:/a/.env"),
        ("read:/a/*", "read:/a/**"),
        ("read:/a/**", "read:/**"),
        ("read:/a/**", "read:/ab/**"),
        ("read", "read:outside:/etc/passwd"),
        ("read:**", "read:outside:/etc/passwd"),
        ("read:outside:/etc/passwd", "read:outside:/etc/passwd"),
        ("read:/**", "read:/a\u202eb"),
        ("read:/**", "read:/a\nb"),
        ("read:/**", "write:/a"),
        ("write:", "write:/a"),
    ],
)
def test_a_path_is_not_covered(pattern, action):
    assert not covers(pattern, action)


@pytest.mark.parametrize(
    ("pattern", "address"),
    [
        ("fetch", "https://example.com/a?b=c"),
        ("fetch:https://example.com", "https://example.com/"),
        ("fetch:https://example.com/**", "https://example.com/a/b?c=d#e"),
        ("fetch:https://example.com/**", "HTTPS://Example.COM:443/a"),
        ("fetch:https://example.com:443/**", "https://example.com/a"),
        ("fetch:https://example.com/a/*", "https://example.com/a/b"),
        ("fetch:https://example.com/a?b=c", "https://example.com/a?b=c"),
        ("fetch:https://*.example.com/**", "https://a.b.example.com/c"),
        ("fetch:http://127.0.0.1:8000/**", "http://127.0.0.1:8000/a"),
        ("fetch:https://example.com/**", "https://example.com/"),
        ("fetch:https://example.com/**", "https://example.com/a/"),
        ("fetch:https://example.com/**", "https://example.com/.well-known/a.b-c_d~e"),
        ("fetch:https://example.com/**", "https://example.com/a%20b/(c),d@e:f+g='h'"),
        ("fetch:https://example.com/**", "https://example.com/B%C3%BCcher/bücher"),
        ("fetch:https://example.com/**", "https://example.com/%E6%97%A5%E6%9C%AC"),
        ("fetch:https://example.com/**", "https://example.com/a?b=../..;%252e"),
        ("fetch:https://example.com/a%20b", "https://example.com/a%20b"),
        ("fetch:https://xn--bcher-kva.example/**", "https://xn--bcher-kva.example/a"),
    ],
)
def test_an_address_is_covered(pattern, address):
    validate(pattern)
    assert covers(pattern, f"fetch:{address}")


GOOD = "fetch:https://good.com/docs/**"


@pytest.mark.parametrize(
    "address",
    [
        "https://good.com.evil.com/docs/a",
        "https://good.com-evil.com/docs/a",
        "https://evilgood.com/docs/a",
        "https://evil.good.com/docs/a",
        "https://good.com@evil.com/docs/a",
        "https://good.com:x@evil.com/docs/a",
        "https://user@good.com/docs/a",
        "https://user:pass@good.com/docs/a",
        "https://evil.com\\@good.com/docs/a",
        "https://good.com\\.evil.com/docs/a",
        "https://evil.com/https://good.com/docs/a",
        "https://evil.com?https://good.com/docs/a",
        "https://evil.com#https://good.com/docs/a",
        "https://good.com:8443/docs/a",
        "https://good.com:/docs/a",
        "https://good.com:99999999/docs/a",
        "https://good.com:443:80/docs/a",
        "https://good.com./docs/a",
        "https://good%2ecom/docs/a",
        "https://good.com%00.evil.com/docs/a",
        "https://good.com\0.evil.com/docs/a",
        "https://good.com%2f.evil.com/docs/a",
        "https://good.com%40evil.com/docs/a",
        "https://g\u043e\u043ed.com/docs/a",
        "https://\uff47ood.com/docs/a",
        "https://good\u3002com/docs/a",
        "https://good.com\u200b/docs/a",
        "https://good.com /docs/a",
        " https://good.com/docs/a",
        "https://good.com/docs/a\n",
        "https://good.com\t/docs/a",
        "http://good.com/docs/a",
        "ftp://good.com/docs/a",
        "file:///docs/a",
        "javascript:https://good.com/docs/a",
        "//good.com/docs/a",
        "https:/good.com/docs/a",
        "https:///good.com/docs/a",
        "https:good.com/docs/a",
        "good.com/docs/a",
        "https://[::1]/docs/a",
        "https://[good.com]/docs/a",
        "https://good.com/docs/../admin",
        "https://good.com/docs/..",
        "https://good.com/docs/./a",
        "https://good.com/docs/%2e%2e/admin",
        "https://good.com/docs/.%2E/admin",
        "https://good.com/docs/..%2fadmin",
        "https://good.com/docs/..\\admin",
        "https://good.com/docs/a%5c..",
        "https://good.com/docs//a",
        "https://good.com/docs/a%00",
        # Parameters: some servers cut them off before they look at the dots.
        "https://good.com/docs/..;/admin",
        "https://good.com/docs/..;x=y/admin",
        "https://good.com/docs/.;/admin",
        "https://good.com/docs;/a",
        "https://good.com/docs/..%3b/admin",
        "https://good.com/docs/..%3B/admin",
        "https://good.com/docs/%2e%2e;/admin",
        # Decoded once more, or in a way of its own, by some.
        "https://good.com/docs/%252e%252e/admin",
        "https://good.com/docs/%25252e%25252e/admin",
        "https://good.com/docs/%252fadmin",
        "https://good.com/docs/.%252e/admin",
        "https://good.com/docs/%%32%65%%32%65/admin",
        "https://good.com/docs/%u002e%u002e/admin",
        "https://good.com/docs/%U002E%U002E/admin",
        "https://good.com/docs/%uff0e%uff0e/admin",
        "https://good.com/docs/%c0%ae%c0%ae/admin",
        "https://good.com/docs/%C0%AE%C0%AE/admin",
        "https://good.com/docs/%c0%2e%c0%2e/admin",
        "https://good.com/docs/%e0%80%ae%e0%80%ae/admin",
        "https://good.com/docs/%f0%80%80%ae/admin",
        "https://good.com/docs/..%c0%afadmin",
        "https://good.com/docs/..%c1%9cadmin",
        "https://good.com/docs/..%e0%80%afadmin",
        "https://good.com/docs/%c0%ae%c0%ae%c0%afadmin",
        "https://good.com/docs/%ff",
        "https://good.com/docs/%zz",
        "https://good.com/docs/a%",
        "https://good.com/docs/%2",
        # What only looks like a dot or a slash, and becomes one when tidied.
        "https://good.com/docs/%ef%bc%8e%ef%bc%8e/admin",
        "https://good.com/docs/\uff0e\uff0e/admin",
        "https://good.com/docs/%e2%80%a5/admin",
        "https://good.com/docs/\u2025/admin",
        "https://good.com/docs/..%ef%bc%8fadmin",
        "https://good.com/docs/..\uff0fadmin",
        "https://good.com/docs/%e2%80%a4%e2%80%a4/admin",
        # What some file systems and parsers drop.
        "https://good.com/docs/.../admin",
        "https://good.com/docs/..%20/admin",
        "https://good.com/docs/.%20./admin",
        "https://good.com/docs/%20../admin",
        "https://good.com/docs/.. /admin",
        "https://good.com/docs/a./b",
        "https://good.com/docs/a%20",
        "https://good.com/docs/..%09/admin",
        "https://good.com/docs/..%0d%0a/admin",
        "https://good.com/docs/..%01/admin",
        "https://good.com/docs/..%7f/admin",
        "https://good.com/docs/..%c2%a0/admin",
        "https://good.com/docs/..%e2%80%8b/admin",
        "https://good.com/docs/.%e2%80%8b./admin",
        "https://good.com/docs/.%c2%ad./admin",
        "https://good.com/docs/..%23/admin",
        "https://good.com/docs/..%3f/admin",
        "https://good.com/docs/..a/admin",
        "https://good.com/docs/a/..%2f..%2fadmin",
        "https://good.com/docs/%61dmin",
        "https://good.com/docs/%2e",
        "https://good.com/docs/a\\b",
        "https://good.com/docs/a b",
        "https://good.com/docs/" + "a" * 4_000,
        "https://good.com/docs",
        "https://good.com/Docs/a",
        "https://good.com/a/docs/a",
        "https://good.com/a?/docs/a",
        "https://*.good.com/docs/a",
        "https://-good.com/docs/a",
        "https://good..com/docs/a",
        "https://good_.com/docs/a",
        "https:\\\\good.com\\docs\\a",
        "https://good.com;evil.com/docs/a",
        "https://good.com,evil.com/docs/a",
        "https://1/docs/a",
        "https://0x7f.1/docs/a",
    ],
)
def test_an_address_that_only_looks_like_it_is_not_covered(address):
    assert not covers(GOOD, f"fetch:{address}")


@pytest.mark.parametrize(
    ("pattern", "address"),
    [
        ("fetch:https://example.com", "https://example.com/a"),
        ("fetch:https://example.com/a", "https://example.com/a?b"),
        ("fetch:https://example.com/*", "https://example.com/a?b"),
        ("fetch:https://example.com/*", "https://example.com/a/b"),
        ("fetch:https://*.example.com/**", "https://example.com/"),
        ("fetch:https://*.example.com/**", "https://badexample.com/"),
        ("fetch:https://*.example.com/**", "https://a.example.com.evil/"),
        ("fetch", "https://a@example.com/"),
        ("fetch", "file:///etc/passwd"),
    ],
)
def test_other_addresses_are_not_covered(pattern, address):
    assert not covers(pattern, f"fetch:{address}")


@pytest.mark.parametrize(
    ("pattern", "name", "is_covered"),
    [
        ("mcp", "github/get_issue", True),
        ("mcp:github/*", "github/get_issue", True),
        ("mcp:github/get_issue", "github/get_issue", True),
        ("mcp:github/get_issue", "github/get_issues", False),
        ("mcp:github/*", "github2/get_issue", False),
        ("mcp:github/*", "github/a/b", False),
        ("mcp:github/*", "github/", False),
        ("mcp:github/*", "github", False),
        ("mcp:github/*", "GitHub/a", False),
        ("mcp:github/*", "../github/a", False),
        ("mcp:github/*", "github/a b", False),
        ("mcp", "/a", False),
    ],
)
def test_tools_are_compared_by_whole_segments(pattern, name, is_covered):
    assert covers(pattern, f"mcp:{name}") is is_covered


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("sing:/x", "A pattern starts with one of"),
        ("write:", "Say what after the colon"),
        ("write: ", "Say what after the colon"),
        ("write:reports/*", "A path starts at the workspace: “write:/reports/*”."),
        ("read:outside:/etc/passwd", "A path starts at the workspace"),
        ("write:/" + "a*" * 17, "at most 16 wildcards"),
        ("run:ls " + "?" * 17, "at most 16 wildcards"),
        ("write:/" + "a" * 2_000, "at most 2000 characters"),
        ("write:/a\u202eb", "no control or invisible"),
        ("fetch:example.com", "A rule for “fetch” is an address"),
        ("fetch:https://example.com/a;b/*", "A rule for “fetch” is an address"),
        ("fetch:https://example.com/../*", "A rule for “fetch” is an address"),
        ("fetch:https://*", "A rule for “fetch” is an address"),
        ("fetch:https://bücher.example/", "xn-- form"),
        ("fetch:https://a@b.example/", "A rule for “fetch” is an address"),
        ("mcp:github", "A tool is “mcp:server/tool”"),
        ("mcp:*/x", "A tool is “mcp:server/tool”"),
        ("mcp:a/get_*", "A tool is “mcp:server/tool”"),
    ],
)
def test_a_pattern_that_means_nothing_or_too_much_is_refused(pattern, reason):
    with pytest.raises(ValidationError) as caught:
        validate(pattern)
    assert reason in caught.value.messages[0]


def test_a_pattern_for_just_one_action_has_no_wildcard_in_it():
    assert pattern_for("write:/a.txt") == "write:/a.txt"
    for action in ("read:/a?.txt", "read:/a/**", "read:outside:/a", "agent:start"):
        assert pattern_for(action) is None


@pytest.mark.parametrize("kind", ["agent", "tool", "ask", "", "READ"])
def test_no_rule_covers_what_is_of_no_known_kind(kind):
    for pattern in ("read", f"{kind}:x", f"{kind}:*", kind):
        assert not covers(pattern, f"{kind}:x")
