"""A site's own profiles: beside ours, in place of ours, and broken ones."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from tasks import catalog
from tasks.catalog import profile_files, profile_settings
from tests.tasks.catalog.test_catalog import BUILT_IN

# Profiles are rows, too.
pytestmark = pytest.mark.django_db

OWN = """
name = "Translator"
description = "Translates documents."
instructions = "You translate."
"""


@pytest.fixture
def folder(settings, tmp_path, monkeypatch):
    settings.STAGENT_HOME = tmp_path
    monkeypatch.setattr(profile_files, "RECHECK_SECONDS", 0)
    folder = tmp_path / "profiles"
    folder.mkdir()
    return folder


def test_a_site_needs_no_profiles_of_its_own(settings, tmp_path):
    settings.STAGENT_HOME = tmp_path
    assert set(catalog.profiles()) == BUILT_IN
    assert catalog.profile_problems() == []


def test_a_sites_own_profile_is_beside_ours(folder):
    file = folder / "translator.toml"
    file.write_text(OWN + "[keywords]\ntranslate = 3\n")
    profile = catalog.profile("translator")
    assert profile.instructions == "You translate."
    assert profile.source == str(file)
    assert profile.runtimes == catalog.RUNTIME_NAMES
    assert profile.tools == catalog.TOOL_NAMES
    assert profile.allowed == ()
    assert catalog.classify("Translate it") == profile
    assert set(catalog.profiles()) == BUILT_IN | {"translator"}


def test_a_sites_own_profile_takes_the_place_of_ours(folder):
    (folder / "general.toml").write_text(OWN)
    assert catalog.profile("general").name == "Translator"
    assert catalog.classify("Water the plants").name == "Translator"


def test_a_profile_says_all_it_may(folder):
    (folder / "own.toml").write_text(
        OWN
        + """
        domain = "writing"
        tags = ["language"]
        author = "Ada"
        allowed = ["read", "write:/reports/*", "run:git status"]
        denied = ["fetch"]
        runtimes = ["claude-code"]
        tools = ["read", "write"]
        max_turns = 7
        max_budget_usd = 1
        """
    )
    profile = catalog.profile("own")
    assert profile.allowed == ("read", "write:/reports/*", "run:git status")
    assert profile.denied == ("fetch",)
    assert profile.runtimes == ("claude-code",)
    assert profile.tools == ("read", "write")
    assert (profile.max_turns, profile.max_budget_usd) == (7, 1.0)
    assert (profile.domain, profile.tags, profile.author) == (
        "writing",
        ("language",),
        "Ada",
    )


def test_a_changed_profile_is_read_again(folder):
    file = folder / "own.toml"
    file.write_text(OWN)
    assert catalog.profile("own").name == "Translator"
    file.write_text(OWN.replace("Translator", "Interpreter"))
    assert catalog.profile("own").name == "Interpreter"
    file.unlink()
    assert catalog.profile("own") is None


def test_profiles_that_have_not_changed_are_not_read_again(folder):
    (folder / "own.toml").write_text(OWN)
    assert catalog.profile("own") is catalog.profile("own")


def test_the_folder_is_not_looked_at_more_than_once_a_second(folder, monkeypatch):
    catalog.profiles()
    monkeypatch.setattr(profile_files, "RECHECK_SECONDS", 3600)
    (folder / "own.toml").write_text(OWN)
    assert catalog.profile("own") is None


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("name = ", "not TOML"),
        (b"\xff\xfe", "not TOML"),
        ("x = " + "[" * 5_000, "not TOML"),
        ("x = " + "9" * 5_000, "not TOML"),
        ("#" * 70_000, "longer than 65536 bytes"),
        ('name = "A"\ndescription = "B"', "instructions: missing"),
        (OWN + "colour = 3", "colour: there is no such setting"),
        (OWN.replace('"You translate."', '" "'), "instructions: must be some text"),
        (OWN + "author = 3", "author: must be some text"),
        (OWN + 'tags = "a"', "tags: must be a list of texts"),
        (OWN + 'allowed = ["delete:/x"]', "allowed: A pattern starts with one of"),
        (OWN + 'denied = ["run:"]', "denied: Say what after the colon"),
        (OWN + 'allowed = ["run"]', "allowed: “run” alone would allow any command"),
        (OWN + 'allowed = ["run:python *"]', "allowed: “python” runs whatever it is"),
        (OWN + 'runtimes = ["gpt"]', "runtimes: gpt is none of claude-code,"),
        (OWN + 'tools = ["fly"]', "tools: fly is none of read,"),
        (OWN + "max_turns = 0", "max_turns: must be a whole number from 1"),
        (OWN + "max_turns = true", "max_turns: must be a whole number from 1"),
        (OWN + "max_budget_usd = -1", "max_budget_usd: must be a number of dollars"),
        (OWN + "max_budget_usd = nan", "max_budget_usd: must be a number of dollars"),
        (OWN + "max_budget_usd = inf", "max_budget_usd: must be a number of dollars"),
        (OWN + 'keywords = ["a"]', "keywords: must be a table"),
        (OWN + '[keywords]\na = "much"', "keywords: must be a table"),
        (OWN + '[keywords]\n"!" = 1', "keywords: '!' holds no word"),
    ],
)
def test_a_broken_profile_is_left_out_and_reported(folder, content, problem):
    file = folder / "general.toml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert catalog.profile("general").source == catalog.BUILT_IN
    [reported] = catalog.profile_problems()
    assert reported.startswith(f"{file}: {problem}")


def test_a_file_whose_name_is_no_id_is_reported(folder):
    (folder / "My Profile.toml").write_text(OWN)
    [reported] = catalog.profile_problems()
    assert "its name is the id" in reported


def test_what_cannot_be_read_is_reported(folder):
    (folder / "gone.toml").symlink_to(folder / "nowhere")
    (folder / "folder.toml").mkdir()
    folder_problem, gone_problem = catalog.profile_problems()
    assert "directory" in folder_problem
    assert "No such file" in gone_problem


def test_a_broken_profile_of_ours_is_nobodys_to_ignore(monkeypatch):
    monkeypatch.setattr(profile_settings, "REQUIRED", ("no_such_setting",))
    with pytest.raises(ImproperlyConfigured, match="no_such_setting: missing"):
        profile_files._built_in.__wrapped__()


def test_a_profile_has_no_network_unless_it_says_so(folder, api):
    (folder / "reader.toml").write_text(OWN)
    (folder / "fetcher.toml").write_text(OWN + "network = true\n")
    (folder / "wrong.toml").write_text(OWN + 'network = "yes"\n')
    told = {one["id"]: one["network"] for one in api.get("/api/profiles").json()}
    assert (told["reader"], told["fetcher"]) == (False, True)
    assert [problem.split(": ", 1)[1] for problem in catalog.profile_problems()] == [
        "network: must be true or false"
    ]
