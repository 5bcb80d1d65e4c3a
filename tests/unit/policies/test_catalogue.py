"""The data tables: complete, consistent, and loud about a mistake."""

import ast
import re
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pytest

from foundation.settings import SettingsError
from policies.crosscheck import cross_check
from policies.loading import load, packaged
from policies.rows import Row

CATALOGUE = packaged()
ROOT = Path(__file__).resolve().parents[3]


def test_every_control_of_enrolment_credentials_and_authentication_has_a_row() -> None:
    wanted = [f"EN-{n}" for n in range(1, 10)]
    wanted += [f"CM-{n}" for n in range(1, 11)]
    wanted += [f"AU-{n}" for n in range(1, 14)]
    assert list(CATALOGUE.controls) == wanted


def test_the_test_that_a_control_names_exists() -> None:
    named = {c.test for c in CATALOGUE.controls.values() if c.test}
    assert named
    found = {
        node.name
        for path in (ROOT / "tests").rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef)
    }
    assert named <= found


def test_standard_claims_and_derived_answers_are_there() -> None:
    standard = {"name", "given_name", "family_name", "birthdate", "address", "email"}
    standard |= {"phone_number", "locale"}
    assert standard | {"age_over_18", "resident_of_city"} == set(CATALOGUE.attributes)
    answerable = {a.name for a in CATALOGUE.attributes.values() if a.answerable}
    assert answerable == {"age_over_18", "resident_of_city"}


@pytest.mark.rfc("OpenID Connect Core 1.0", "5.4")
def test_a_scope_asks_for_its_claims_and_an_unknown_one_for_none() -> None:
    assert CATALOGUE.attributes_of_scope("email") == ("email",)
    assert "name" in CATALOGUE.attributes_of_scope("profile")
    assert CATALOGUE.attributes_of_scope("everything") == ()


@pytest.mark.row("privacy", "G-11")
def test_a_claim_that_no_purpose_has_a_use_for_stops_the_start() -> None:
    unlisted = replace(CATALOGUE.attributes["email"], name="shoe_size")
    wider = replace(CATALOGUE, attributes={**CATALOGUE.attributes, "shoe_size": unlisted})
    with pytest.raises(SettingsError, match=r"'shoe_size': no purpose in purposes\.toml"):
        cross_check(wider)


@pytest.mark.row("privacy", "G-10")
@pytest.mark.row("privacy", "G-11")
def test_every_claim_has_a_purpose_and_no_scope_brings_another_claim_along() -> None:
    used = {a for p in CATALOGUE.purposes.values() for a in p.attributes}
    assert set(CATALOGUE.attributes) <= used
    assert "openid" not in CATALOGUE.scopes()
    assert CATALOGUE.attributes_of_scope("openid") == ()


@pytest.mark.row("privacy", "G-7")
@pytest.mark.parametrize("purpose", sorted(CATALOGUE.purposes))
def test_every_notice_says_what_ISO_29184_asks(purpose: str) -> None:
    notice = CATALOGUE.purposes[purpose].notice
    for part in ("{service}", "{controller}", "refuse|choose nothing", "withdraw", "complain"):
        assert re.search(part.replace("{", r"\{").replace("}", r"\}"), notice), part
    assert CATALOGUE.purposes[purpose].version


def test_a_wider_purpose_covers_the_narrower_and_not_its_namesake() -> None:
    assert CATALOGUE.covers("mobility", "mobility.parking")
    assert CATALOGUE.covers("mobility", "mobility")
    assert not CATALOGUE.covers("mobility.parking", "mobility")
    assert not CATALOGUE.covers("mobil", "mobility")


BASIS = """
[[basis]]
id = "b"
kind = "public-task"
service = "svc"
purpose = "library"
attributes = ["name"]
law = "An act"
not_before = 2026-01-01T00:00:00Z
not_after = 2027-01-01T00:00:00Z
"""


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (BASIS.replace('"library"', '"libary"'), "purpose: 'libary' has no row"),
        (BASIS.replace('"name"', '"nome"'), "attributes: 'nome' has no row"),
        (BASIS.replace("public-task", "consent"), "kind: 'consent' is none of"),
        (BASIS.replace('law = "An act"', ""), "basis 'b', law: is missing"),
        (BASIS.replace("00Z\nnot_after", "00\nnot_after"), "not_before: write an instant"),
        (BASIS.replace("2027", "2025"), "must lie after not_before"),
        (BASIS + BASIS, "id 'b' stands twice"),
        ("[[bases]]", "unknown table 'bases'; write [[basis]]"),
        ("x = ", "not valid TOML"),
        (BASIS.replace('["name"]', "[]"), "name attributes or classes"),
    ],
)
def test_a_mistake_in_a_table_names_file_row_and_key(
    tmp_path: Path, written: str, said: str
) -> None:
    (tmp_path / "bases.toml").write_text(written)
    with pytest.raises(SettingsError) as raised:
        load(tmp_path / "bases.toml")
    assert str(raised.value).startswith("bases.toml: ")
    assert said in str(raised.value)


def test_a_missing_file_of_bases_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        load(tmp_path / "absent.toml")


def test_a_row_says_which_key_is_wrong() -> None:
    row = Row("levels.toml", "level", 3, {"number": True, "factors": ["a", "a"], "in_person": 1})
    for read in (
        lambda: row.integer("number", 1, 4),
        lambda: row.texts("factors"),
        lambda: row.flag("in_person"),
        lambda: row.text("acr"),
    ):
        with pytest.raises(SettingsError, match=r"^levels.toml: level 'number 3', "):
            read()


def test_the_digest_of_the_tables_changes_with_any_of_them(tmp_path: Path) -> None:
    (tmp_path / "bases.toml").write_text(BASIS)
    assert load(tmp_path / "bases.toml").digest != CATALOGUE.digest
    assert load().digest == CATALOGUE.digest


def test_no_data_file_is_left_unread() -> None:
    names = {f.name for f in (files("policies") / "data").iterdir()}
    assert names == {
        f"{n}.toml"
        for n in (
            "attributes",
            "authorization_types",
            "authenticators",
            "bases",
            "classes",
            "controls",
            "duties",
            "last_red",
            "levels",
            "purposes",
            "reasons",
        )
    }
