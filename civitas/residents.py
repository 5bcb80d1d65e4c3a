"""Invented residents for the demo and the tests: made by a seed, never shipped as data."""

from __future__ import annotations

import csv
import io
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

COLUMNS = (
    "civil_number",
    "given_name",
    "family_name",
    "birthdate",
    "street_address",
    "postal_code",
    "locality",
    "region",
    "country",
    "email",
    "phone_number",
    "locale",
)


@dataclass(frozen=True, slots=True)
class Names:
    """Names that go together, and the language of those who bear them."""

    locale: str
    given: tuple[str, ...]
    family: tuple[str, ...]


POOLS = (
    Names(
        "en",
        ("Ada", "Grace", "Oliver", "Maeve", "Noah", "Siân", "Chloé", "Zoë"),
        ("Okafor", "O’Neill", "Fitzgerald-Brown", "Whitaker", "Adeyemi", "Brontë"),
    ),
    Names(
        "et",
        ("Õnne", "Jüri", "Kärt", "Märt", "Ülle", "Rasmus"),
        ("Kõiv", "Jõgi", "Mägi", "Põder", "Šmidt", "Väljaots"),
    ),
    Names(
        "fr",
        ("Hélène", "Aïcha", "Jean-Noël", "Éloïse", "François", "Maëlle"),
        ("Lefèvre", "d’Aubigné", "Traoré", "Ben Saïd", "Nuñez", "Château"),
    ),
    Names(
        "ar",
        ("فاطمة", "محمد", "ليلى", "يوسف", "نور", "عمر"),
        ("الحسن", "بن خالد", "العلوي", "منصور", "الشريف"),
    ),
    Names("zh", ("伟", "芳", "秀英", "娜", "敏", "静"), ("王", "李", "张", "欧阳", "陈", "司马")),
    Names("ja", ("さくら", "翔太", "陽菜", "健", "結衣"), ("佐藤", "鈴木", "渡辺", "髙橋", "小林")),
    Names(
        "vi",
        ("Nguyệt", "Đức", "Thảo", "Hiếu", "Quỳnh"),
        ("Nguyễn", "Trần", "Phạm", "Đặng", "Vũ"),
    ),
    Names(
        "el", ("Ελένη", "Γιώργος", "Δήμητρα", "Νίκος"), ("Παπαδοπούλου", "Γεωργίου", "Αθανασίου")
    ),
    Names("uk", ("Оксана", "Тарас", "Їванна", "Ґалаґан"), ("Шевченко", "Коваль", "Бойко")),
)
STREETS = ("Harbour Street", "Rue du Marché", "Pärna tänav", "شارع النيل", "中山路", "Lai")
ELSEWHERE = (("Rivermouth", "XX"), ("Hillford", "XX"), ("Lyon", "FR"), ("Riga", "LV"))
OLDEST = 100


def residents(
    count: int = 1000,
    seed: int = 1,
    *,
    city: str = "Civitas",
    country: str = "XX",
    today: date = date(2026, 3, 2),
) -> Iterator[dict[str, str]]:
    """`count` persons as the columns of a civil-register file; the same seed, the same persons.

    Ages 0 to 100 on `today`; about one in eight lives outside `city`. Addresses for e-mail lie
    under .example, which nobody owns (RFC 2606).
    """
    chance = random.Random(seed)  # noqa: S311 - invented people need no secrecy, but repetition
    for number in range(1, count + 1):
        yield _resident(chance, number, city, country, today)


def as_csv(persons: Iterator[dict[str, str]]) -> bytes:
    """A CSV file, UTF-8, with a header (RFC 4180)."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS)
    writer.writeheader()
    writer.writerows(persons)
    return text.getvalue().encode()


def as_json(persons: Iterator[dict[str, str]]) -> bytes:
    """A JSON file: {"persons": […]}."""
    return json.dumps({"persons": list(persons)}, ensure_ascii=False, indent=1).encode()


def _resident(
    chance: random.Random, number: int, city: str, country: str, today: date
) -> dict[str, str]:
    names = chance.choice(POOLS)
    born = _birthdate(chance, today)
    lives_in, lives_under = (city, country) if chance.random() < 0.88 else chance.choice(ELSEWHERE)
    grown = (today - born).days > 14 * 366
    return {
        # The serial number makes it unique, the rest makes it look like one.
        "civil_number": f"{born:%y%m%d}{number:05d}{chance.randrange(10)}",
        "given_name": chance.choice(names.given),
        "family_name": chance.choice(names.family),
        "birthdate": born.isoformat(),
        "street_address": f"{chance.choice(STREETS)} {chance.randint(1, 240)}",
        "postal_code": f"{chance.randint(10000, 99999)}",
        "locality": lives_in,
        "region": "",
        "country": lives_under,
        "email": f"resident{number}@mail.example" if grown and chance.random() < 0.8 else "",
        "phone_number": f"+99900{number:06d}" if grown and chance.random() < 0.7 else "",
        "locale": names.locale,
    }


def _birthdate(chance: random.Random, today: date) -> date:
    age = chance.randint(0, OLDEST - 1)
    return today - timedelta(days=age * 365.2425 // 1 + chance.randint(0, 364))
