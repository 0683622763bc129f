"""Tables as people bring them: each kind that other tools are known to misread, made small here.

Where values matter they are checked through a linear model on the prepared folds: a column that is
read rightly explains its target.
"""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from search.data import arff
from search.data.dataset_builder import build_dataset, read_table
from search.data.datasets import ColumnKind, ColumnRole, Dataset, DatasetSummary
from search.data.fold_rules import check_folds
from search.data.preprocessing import fit_preprocessor, prepare
from search.data.splits import split
from search.driver.reference_models import ReferenceFit, score_reference
from search.errors import InvalidDataset
from search.study import Evaluation, Task, TestRole

ROWS = 240
RNG_SEED = 5


def noise() -> np.random.Generator:
    return np.random.default_rng(RNG_SEED)


def csv_of(columns: dict[str, Any], separator: str = ",", **options: Any) -> bytes:
    return pd.DataFrame(columns).to_csv(index=False, sep=separator, **options).encode()


def linear_score(dataset: Dataset, metric: str) -> float:
    """Mean score of a linear model over the validation rows of three folds."""
    data = prepare(dataset, split(dataset, Evaluation(), 0))
    fits = [ReferenceFit(role=TestRole.LINEAR, fold=fold, metrics=(metric,)) for fold in range(3)]
    return float(np.mean([score_reference(fit, data).scores[metric] for fit in fits]))


def kind_of(dataset: Dataset, name: str) -> ColumnKind:
    return next(report.kind for report in dataset.columns if report.name == name)


def note_about(dataset: Dataset, words: str) -> str:
    found = [note for note in dataset.notes if words in note]
    assert found, dataset.notes
    return found[0]


def amounts() -> tuple[np.ndarray, np.ndarray]:
    """A feature from 100 to 99,999 and a target that is three times as much, nearly."""
    rng = noise()
    income = np.round(np.exp(rng.uniform(np.log(100), np.log(99_999), ROWS)))
    return income, np.round(3 * income + rng.normal(0, 50, ROWS), 2)


def german(values: np.ndarray, *, thousands: bool = False) -> list[str]:
    swapped = [f"{value:,.2f}".translate(str.maketrans(",.", ".,")) for value in values]
    return swapped if thousands else [text.replace(".", "") for text in swapped]


# Numbers ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("thousands", [False, True])
def test_decimal_commas_are_numbers_whatever_the_separator(separator: str, thousands: bool) -> None:
    income, spend = amounts()
    content = csv_of(
        {"income": german(income, thousands=thousands), "spend": german(spend, thousands=True)},
        separator,
        quoting=1,
    )
    dataset = read_table(content, target="spend")
    assert dataset.task is Task.REGRESSION
    np.testing.assert_array_equal(dataset.features["income"], income)
    np.testing.assert_array_equal(dataset.y, spend)
    assert "decimal comma" in note_about(dataset, "'spend'")


def test_a_decimal_comma_in_one_column_only_is_read() -> None:
    income, spend = amounts()
    content = csv_of({"income": german(income / 7), "age": np.arange(ROWS) / 7, "spend": spend})
    dataset = read_table(content, target="spend")
    np.testing.assert_allclose(dataset.features["income"], np.round(income / 7, 2))
    np.testing.assert_allclose(dataset.features["age"], np.arange(ROWS) / 7)


@pytest.mark.parametrize("where", ["feature", "target", "both"])
def test_thousands_marks_are_read(where: str) -> None:
    income, spend = amounts()
    marked = [f"{value:,.0f}" for value in income]
    columns = {
        "income": income if where == "target" else marked,
        "spend": spend if where == "feature" else [f"{value:,.2f}" for value in spend],
    }
    dataset = read_table(csv_of(columns), target="spend")
    assert linear_score(dataset, "r2") == pytest.approx(1, abs=1e-3)
    assert "commas between thousands" in note_about(dataset, "commas")


def test_one_thousands_mark_in_a_large_table_is_seen() -> None:
    """It stands in no sample."""
    cells = [str(value) for value in noise().integers(1, 900, 20_000)]
    cells[11_111] = "1,234"
    content = csv_of({"a": cells, "b": noise().normal(size=20_000), "y": np.arange(20_000) % 7})
    dataset = read_table(content, target="y")
    assert dataset.features["a"][11_111] == 1234
    assert dataset.features["a"].notna().all()


def test_a_mark_that_may_be_either_is_called_ambiguous() -> None:
    cells = [f"{value:.3f}" for value in noise().uniform(1.2, 99, ROWS)]
    dataset = read_table(csv_of({"a": cells, "y": np.arange(ROWS) % 3}), target="y")
    np.testing.assert_array_equal(dataset.features["a"], [float(cell) for cell in cells])
    assert "is ambiguous" in note_about(dataset, "'a'")
    # Another column of the same file settles it, either way.
    for other, factor in (([f"{v:.2f}" for v in noise().uniform(1, 9, ROWS)], 1.0), (None, 1000.0)):
        column = other or german(noise().uniform(1, 9, ROWS))
        settled = read_table(
            csv_of({"a": cells, "b": column, "y": np.arange(ROWS) % 3}, ";"), target="y"
        )
        np.testing.assert_allclose(settled.features["a"], [float(cell) * factor for cell in cells])
        assert not any("ambiguous" in note for note in settled.notes)


@pytest.mark.parametrize(
    ("write", "sign"),
    [
        (lambda v: f"${v:,.2f}", "$"),
        (lambda v: f"€ {v:.2f}", "€"),
        (lambda v: f"{v:.2f} €", "€"),
        (lambda v: f"USD {v:,.2f}", "USD"),
        (lambda v: f"{v:.2f}%", "%"),
        (lambda v: f"£{v:,.2f}" if v >= 500 else f"-£{-v:,.2f}".replace("--", "-"), "£"),
    ],
)
def test_currency_and_percent_signs_are_taken_off_and_named(write: Any, sign: str) -> None:
    income, spend = amounts()
    content = csv_of({"income": [write(v) for v in income], "price": [write(v) for v in spend]})
    dataset = read_table(content, target="price")
    np.testing.assert_allclose(np.abs(dataset.features["income"]), income)
    np.testing.assert_allclose(np.abs(dataset.y), np.abs(spend))
    assert sign in note_about(dataset, "column 'income'")
    assert sign in note_about(dataset, "target 'price'")


@pytest.mark.parametrize(
    "mark",
    ["-", "--", ".", "*", "n.a.", "N/A", "missing", "unknown", "?", "(blank)", "NULL", "None", ""],
)
def test_marks_for_missing_leave_gaps_in_a_numeric_column(mark: str) -> None:
    rng = noise()
    lab = rng.normal(5, 1, ROWS).round(2)
    cells = lab.astype(str).astype(object)
    gaps = rng.choice(ROWS, ROWS // 8, replace=False)
    cells[gaps] = mark
    dataset = read_table(csv_of({"lab": cells, "y": (10 * lab).round(3)}), target="y")
    assert kind_of(dataset, "lab") is ColumnKind.NUMBER
    np.testing.assert_array_equal(np.flatnonzero(dataset.features["lab"].isna()), np.sort(gaps))
    assert next(r for r in dataset.columns if r.name == "lab").missing == len(gaps)
    assert linear_score(dataset, "r2") > 0.8


def test_a_number_that_may_mean_missing_is_warned_of_and_kept() -> None:
    lab = noise().normal(5, 1, ROWS).round(2)
    lab[:9] = -999
    dataset = read_table(csv_of({"lab": lab, "y": np.arange(ROWS) % 3}), target="y")
    assert "-999 in 9 rows" in note_about(dataset, "'lab'")
    assert (dataset.features["lab"] == -999).sum() == 9


def test_a_number_that_may_mean_missing_is_warned_of_in_a_target_too() -> None:
    price = noise().normal(50, 5, ROWS).round(2)
    price[7] = -999
    dataset = read_table(csv_of({"x": noise().normal(size=ROWS), "y": price}), target="y")
    assert "-999 in 1 rows" in note_about(dataset, "target 'y' holds")


# Dates --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "pattern",
    [
        "%Y-%m-%d",
        "%d.%m.%Y",
        "%d/%m/%Y",
        "%m/%d/%Y",
        "%d-%m-%Y",
        "%Y/%m/%d",
        "%d.%m.%y",
        "%d %b %Y",
        "%b %d, %Y",
        "%d-%b-%Y",
        "%d.%m.%Y %H:%M",
        "%m/%d/%Y %I:%M %p",
        "%Y-%m-%dT%H:%M:%S",
    ],
)
def test_dates_in_the_usual_orders_are_days(pattern: str) -> None:
    days = noise().integers(18_000, 20_000, ROWS)
    cells = [
        (pd.Timestamp("1970-01-01") + pd.Timedelta(days=int(day))).strftime(pattern) for day in days
    ]
    score = days / 10 + noise().normal(0, 0.5, ROWS)
    dataset = read_table(csv_of({"day": cells, "score": score.round(3)}), target="score")
    assert kind_of(dataset, "day") is ColumnKind.DATE
    np.testing.assert_array_equal(dataset.features["day"], days)
    assert linear_score(dataset, "r2") > 0.99


@pytest.mark.parametrize("broken", ["0000-00-00", "2023-02-31", "soon"])
def test_one_broken_date_is_one_missing_cell(broken: str) -> None:
    days = noise().integers(18_000, 20_000, ROWS)
    cells = [str(np.datetime64(int(day), "D")) for day in days]
    cells[7] = broken
    dataset = read_table(csv_of({"day": cells, "y": np.arange(ROWS) % 3}), target="y")
    assert np.flatnonzero(dataset.features["day"].isna()).tolist() == [7]
    assert f"'{broken}' count as missing" in note_about(dataset, "1 cells of column 'day'")


def test_an_order_of_day_and_month_that_nothing_decides_is_named() -> None:
    cells = [f"{1 + i % 12:02}/{1 + i % 11:02}/2023" for i in range(ROWS)]
    dataset = read_table(csv_of({"day": cells, "y": np.arange(ROWS) % 3}), target="y")
    assert "day/month/year would fit as well" in note_about(dataset, "'day'")


# Files --------------------------------------------------------------------------------------------


def plain_table() -> pd.DataFrame:
    rng = noise()
    area = rng.normal(60, 9, ROWS).round(2)
    return pd.DataFrame(
        {
            "area": area,
            "rooms": rng.normal(3, 0.5, ROWS).round(3),
            "price": (1.5 * area + rng.normal(0, 1, ROWS)).round(2),
        }
    )


def plain_csv(separator: str = ",") -> str:
    return plain_table().to_csv(index=False, sep=separator)


@pytest.mark.parametrize(
    "text",
    [
        # A separator at the end of every row, of the header too or not.
        "\n".join(
            line + ("," if number else "") for number, line in enumerate(plain_csv().splitlines())
        ),
        "\n".join(line + "," for line in plain_csv().splitlines()),
        "sep=;\n" + plain_csv(";"),
        "sep=:\n" + plain_csv(":"),
        "sep=,\r\n" + plain_csv().replace("\n", "\r\n"),
        "Sales report 2024\n\n" + plain_csv(),
        "Sales report 2024\nby region\n" + plain_csv(";"),
        "# exported 2024-01-02\n# unit: EUR\n" + plain_csv(),
        "# " + plain_csv(),  # the header is a comment
        "\n".join(
            line if n != 5 else f"{line}\n# checked,,,"
            for n, line in enumerate(plain_csv().splitlines())
        ),
        plain_table().to_string(index=False),
        plain_csv(" ").replace(" ", "   "),
        plain_csv("\t").replace("\t", " \t "),
        "@relation r\n% by hand\n@attribute area numeric\n@ATTRIBUTE 'rooms' real\n"
        "@attribute price numeric\n@data\n" + plain_csv().partition("\n")[2],
    ],
    ids=[
        "trailing comma",
        "trailing comma everywhere",
        "sep=;",
        "sep=:",
        "sep=, of Windows",
        "title",
        "two lines of title",
        "comments",
        "commented header",
        "comment in the middle",
        "columns aligned by blanks",
        "blanks",
        "tabs and blanks",
        "arff",
    ],
)
def test_a_file_with_more_or_less_than_a_table_is_read(text: str) -> None:
    dataset = read_table(text.encode(), target="price")
    expected = plain_table()
    for name in ("area", "rooms"):
        np.testing.assert_allclose(dataset.features[name], expected[name])
    np.testing.assert_allclose(dataset.y, expected["price"])
    assert [r.name for r in dataset.columns if r.used] == ["area", "rooms", "price"]


def test_arff_knows_nominal_values_quotes_and_gaps() -> None:
    rows = "\n".join(
        f"{i / 7:.3f},{'?' if i % 9 == 0 else i % 4},'{'New York' if i % 2 else 'Rome'}'"
        for i in range(60)
    )
    text = (
        "@relation 'a b'\n@attribute x numeric\n@attribute 'number of'  integer\n"
        f"@attribute city {{'New York',Rome}}\n\n@data\n{rows}\n"
    )
    dataset = read_table(text.encode(), target="city")
    assert dataset.classes == ("New York", "Rome")
    assert dataset.features["number of"].isna().sum() == 7


def test_sparse_arff_is_the_table_of_the_dense_form() -> None:
    rng = noise()
    size = np.where(rng.random(60) < 0.5, 0.0, rng.normal(10, 2, 60).round(3))
    city, kind = rng.integers(0, 2, 60), rng.integers(0, 2, 60)
    cities, kinds = ["Rome, old", "New York"], ["red", "it's"]
    rows = [
        ", ".join(
            [
                *([f"0 {s:.3f}"] if s else []),
                *(["1 'New York'"] if c else []),
                *(["2 ?"] if i == 7 else [f"2 {i % 5 + 1}"]),
                *(["3 'it\\'s'"] if k else []),
            ]
        )
        for i, (s, c, k) in enumerate(zip(size, city, kind, strict=True))
    ]
    lines = "\n".join(f"{{{row}}}" for row in rows)
    text = (
        "@relation r\n@attribute size numeric\n@attribute city {'Rome, old', 'New York'}\n"
        f"@attribute rooms integer\n@attribute kind {{red, 'it\\'s'}}\n@data\n% rows\n{lines}\n"
    )
    dataset = read_table(text.encode(), target="kind")
    np.testing.assert_allclose(dataset.features["size"], size)
    assert dataset.features["city"].tolist() == [cities[code] for code in city]
    assert np.flatnonzero(dataset.features["rooms"].isna()).tolist() == [7]
    assert [dataset.classes[code] for code in dataset.y] == [kinds[code] for code in kind]


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ("{0 1, 2 5}", "line 6 names attribute 2, but there are 2, counted from 0"),
        ("{0 1, 1}", r"line 6 is no sparse row such as \{0 1.5, 3 red\}"),
        ("{0 1", "line 6 is no sparse row"),
        ("1, 2", "line 6 is no sparse row"),
    ],
)
def test_a_broken_row_of_sparse_arff_is_named_by_its_line(row: str, sentence: str) -> None:
    head = "@relation r\n@attribute x numeric\n@attribute y numeric\n@data\n"
    with pytest.raises(InvalidDataset, match=sentence):
        read_table(f"{head}{{0 1}}\n{row}\n".encode(), target="y")


def test_sparse_arff_of_too_many_cells_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arff, "_MAX_CELLS", 5)
    text = "@relation r\n@attribute x numeric\n@attribute y numeric\n@data\n" + "{0 1}\n" * 3
    with pytest.raises(InvalidDataset, match="3 rows of 2 attributes, more cells than the limit"):
        read_table(text.encode(), target="y")


def test_a_euro_sign_of_windows_is_a_label() -> None:
    table = plain_table().assign(currency=np.where(np.arange(ROWS) % 2, "€", "£"))
    dataset = read_table(table.to_csv(index=False).encode("cp1252"), target="currency")
    assert set(dataset.classes) == {"€", "£"}
    assert "guessed to be Windows-1252, by which a cell reads" in note_about(dataset, "not UTF-8")


@pytest.mark.parametrize(
    ("encoding", "cities"),
    [
        ("cp1252", "München Köln Düsseldorf Nürnberg"),
        ("cp1252", "élève français école hôpital"),
        ("iso8859-2", "Łódź Kraków Gdańsk Częstochowa Žilina"),
        ("cp1250", "Łódź Kraków Gdańsk Częstochowa Žilina"),
        ("koi8-r", "Москва Новосибирск Казань Омск"),
        ("cp1251", "Москва Новосибирск Казань Омск"),
        ("cp866", "Москва Новосибирск Казань Омск"),
        ("cp1253", "Αθήνα Θεσσαλονίκη Πάτρα"),
        ("cp1254", "İstanbul İzmir Çanakkale Şanlıurfa Eskişehir"),
        ("cp1255", "ירושלים חיפה אשדוד"),
        ("cp1256", "القاهرة الرياض بغداد"),
        ("shift-jis", "東京 大阪 横浜 名古屋 カタカナ"),
        ("euc-jp", "東京 大阪 横浜 名古屋 カタカナ"),
        ("gbk", "北京 上海 广州 深圳"),
        ("big5", "臺北 高雄 臺中 臺南"),
        ("euc-kr", "서울 부산 인천 대구"),
        ("mac-roman", "München Köln Düsseldorf élève"),
        ("utf-16-le", "München 東京"),
        ("utf-16-be", "München 東京"),
    ],
)
def test_text_in_an_encoding_of_its_country_is_read(encoding: str, cities: str) -> None:
    names = np.array(cities.split())[np.arange(ROWS) % len(cities.split())]
    table = plain_table().assign(city=names)
    dataset = read_table(table.to_csv(index=False).encode(encoding), target="price")
    assert dataset.features["city"].tolist() == names.tolist()
    if not encoding.startswith("utf"):
        assert f"a cell reads '{names[0]}'" in note_about(dataset, "was guessed to be")


@pytest.mark.parametrize("cell", ["25 °C", "3 m²", "5 €", "don’t", "18–24", "µg/l", "± 3"])
def test_signs_alone_are_those_of_windows(cell: str) -> None:
    """Statistics of letters say Big5, DOS and the like of such files."""
    texts = np.where(np.arange(ROWS) % 9 == 0, cell, "plain")
    content = plain_table().assign(kind=texts).to_csv(index=False).encode("cp1252")
    assert read_table(content, target="price").features["kind"].tolist() == texts.tolist()


def test_bytes_that_no_usual_encoding_has_are_letters_of_latin_1() -> None:
    content = plain_table().to_csv(index=False).encode() + b"\x81\xff\xfe,1,2\n"
    assert "guessed to be" in note_about(read_table(content, target="price"), "not UTF-8")


def test_a_cell_of_150000_characters_is_read_and_left_out_as_free_text() -> None:
    text = [f"words of patient {i} and more of them" for i in range(ROWS)]
    text[0] = "word " * 30_000
    dataset = read_table(
        plain_table().assign(text=text).to_csv(index=False).encode(), target="price"
    )
    assert kind_of(dataset, "text") is ColumnKind.FREE_TEXT
    assert list(dataset.features) == ["area", "rooms"]


# Targets ------------------------------------------------------------------------------------------


def with_target(labels: list[str]) -> bytes:
    cells = (labels * ROWS)[:ROWS]
    return plain_table().drop(columns="price").assign(label=cells).to_csv(index=False).encode()


@pytest.mark.parametrize(
    ("labels", "task"),
    [
        (["3.1", "3.10", "3.9"], Task.MULTICLASS),
        (["1", "001", "010"], Task.MULTICLASS),
        (["01", "02"], Task.BINARY),
        (["1E1", "1E2", "1E3"], Task.MULTICLASS),
        (["1E1", "10", "100"], Task.MULTICLASS),
        (["9007199254740993001", "9007199254740993002"], Task.BINARY),
        (["9007199254740993001", "9007199254740993002", "7"], Task.MULTICLASS),
        (["None", "Apnoea", "Insomnia"], Task.MULTICLASS),
        (["None", "Yes"], Task.BINARY),
        (["NA", "EU"], Task.BINARY),
        (["null", "nan", "n/a"], Task.MULTICLASS),
        (["-", "+"], Task.BINARY),
        (["true", "false"], Task.BINARY),
        (["1.0", "2.0", "3.0"], Task.MULTICLASS),
        (["1", "2", "other"], Task.MULTICLASS),
    ],
)
def test_labels_stay_as_written(labels: list[str], task: Task) -> None:
    dataset = read_table(with_target(labels), target="label")
    assert (set(dataset.classes), dataset.task) == (set(labels), task)
    assert len(dataset.y) == ROWS
    found = [dataset.classes[code] for code in dataset.y]
    assert found == (labels * ROWS)[:ROWS]


@pytest.mark.parametrize("mark", ["-", "n.a.", "NA", "None", "?"])
def test_a_mark_in_a_target_of_numbers_is_missing_and_its_line_named(mark: str) -> None:
    table = plain_table()
    cells = table["price"].astype(str)
    cells[[40, 77]] = mark
    content = "a title\n\n" + table.assign(price=cells).to_csv(index=False)
    dataset = read_table(content.encode(), target="price")
    assert len(dataset.y) == ROWS - 2
    note = note_about(dataset, "2 cells of target 'price' count as missing")
    # Three lines above the first row, which is counted from 0.
    assert f"'{mark}' in line 44, '{mark}' in line 81" in note


def test_a_stray_in_a_target_of_numbers_is_refused_by_its_line() -> None:
    table = plain_table()
    cells = table["price"].astype(str)
    cells[[40, 77]] = ["ca. 90", "see note"]
    with pytest.raises(
        InvalidDataset,
        match=r"numbers in 238 of 240 cells, but also 'ca. 90' in line 42, 'see note' in line 79",
    ) as caught:
        read_table(table.assign(price=cells).to_csv(index=False).encode(), target="price")
    assert "leave them empty" in str(caught.value)


def test_lines_are_counted_through_quoted_line_ends() -> None:
    table = plain_table().assign(note=["two\nlines"] * ROWS)
    cells = table["price"].astype(str)
    cells[10] = "-"
    content = table.assign(price=cells).to_csv(index=False).encode()
    note = note_about(read_table(content, target="price"), "count as missing")
    assert "'-' in line 23" in note  # 1 for the header, 11 rows of 2


@pytest.mark.parametrize(
    ("labels", "named"),
    [
        (["Yes", "yes ", "No"], "'yes ' and 'Yes'"),
        (["<=50K", "<=50K.", ">50K"], "'<=50K' and '<=50K.'"),
        (["New York", "new  york", "Rome"], "'New York' and 'new  york'"),
    ],
)
def test_labels_that_nearly_agree_are_warned_of(labels: list[str], named: str) -> None:
    note = note_about(read_table(with_target(labels), target="label"), "differ only in case")
    first, second = named.split(" and ")
    assert first in note
    assert second in note


def test_labels_that_are_one_number_are_warned_of() -> None:
    note = note_about(read_table(with_target(["3.1", "3.10", "3.9"]), target="label"), "one number")
    assert "'3.1' and '3.10'" in note


def test_prices_of_uneven_digits_stay_amounts() -> None:
    cells = [f"{v:.2f}".rstrip("0") if v > 5 else f"{v:.2f}" for v in noise().uniform(1, 9, ROWS)]
    assert read_table(with_target(cells), target="label").task is Task.REGRESSION


def test_many_codes_with_leading_zeros_are_classes() -> None:
    codes = [f"{i:03}" for i in range(30)]
    dataset = read_table(with_target(codes), target="label")
    assert (dataset.task, dataset.classes) == (Task.MULTICLASS, tuple(codes))


def test_amounts_of_a_fixed_width_stay_amounts() -> None:
    cells = [f"{value:07.2f}" for value in noise().uniform(1, 99, ROWS)]
    dataset = read_table(with_target(cells), target="label")
    assert dataset.task is Task.REGRESSION
    np.testing.assert_array_equal(dataset.y, [float(cell) for cell in cells])


def test_counts_are_amounts_and_say_so() -> None:
    counts = np.minimum(noise().poisson(2, ROWS), 10)
    dataset = read_table(
        plain_table().assign(visits=counts).to_csv(index=False).encode(), target="visits"
    )
    assert dataset.task is Task.REGRESSION
    assert "give task 'multiclass'" in note_about(dataset, "whole numbers of target 'visits'")


def test_codes_with_a_rare_one_are_refused_with_an_offer_of_regression() -> None:
    cells = [str(i % 4) for i in range(ROWS)]
    cells[0] = "4"
    dataset = read_table(with_target(cells), target="label")
    assert dataset.task is Task.MULTICLASS
    with pytest.raises(InvalidDataset, match="with task 'regression' if its classes are amounts"):
        check_folds(dataset.describe(), Evaluation())


def summary_of(labels: list[str]) -> DatasetSummary:
    return read_table(with_target(labels), target="label").describe()


def test_a_class_of_one_row_is_answered_with_ways_out_that_help() -> None:
    cells = ["up", "down"] * (ROWS // 2)
    cells[3] = "sideways"
    dataset = read_table(with_target(cells), target="label")
    assert "cannot both be learned and be judged" in note_about(dataset, "class 'sideways'")
    with pytest.raises(InvalidDataset, match=r"class 'sideways'.* has 1 row") as caught:
        check_folds(dataset.describe(), Evaluation())
    sentence = str(caught.value)
    assert "merge that class" in sentence
    # Neither would help one row.
    assert "fold" not in sentence.rpartition("each class;")[2]
    assert "test_fraction" not in sentence.rpartition("each class;")[2]
    # What it proposes does.
    merged = ["up" if cell == "sideways" else cell for cell in cells]
    check_folds(summary_of(merged), Evaluation())
    check_folds(summary_of(["" if cell == "sideways" else cell for cell in cells]), Evaluation())


def test_folds_that_a_refusal_proposes_are_accepted() -> None:
    cells = ["up", "down"] * (ROWS // 2)
    cells[3:12:3] = ["sideways"] * 3
    summary = summary_of(cells)
    with pytest.raises(InvalidDataset, match="choose 2 folds or choose test_fraction 0"):
        check_folds(summary, Evaluation())
    check_folds(summary, Evaluation(folds=2))
    check_folds(summary, Evaluation(test_fraction=0))


# Identifiers and leaks ----------------------------------------------------------------------------


def sorted_by_class() -> pd.DataFrame:
    """A table that was sorted by its class, numbered, and shuffled."""
    kinds = np.repeat(["a", "b", "c"], ROWS // 3)
    table = pd.DataFrame({"f": noise().normal(size=ROWS), "kind": kinds})
    return table.sample(frac=1, random_state=0)


@pytest.mark.parametrize("label", ["", "Unnamed: 0", "Id", "row", "any name"])
@pytest.mark.parametrize("start", [0, 1, 1000])
def test_an_index_that_was_shuffled_is_left_out(label: str, start: int) -> None:
    table = sorted_by_class()
    content = table.set_index(table.index + start).to_csv(index_label=label).encode()
    dataset = read_table(content, target="kind")
    assert list(dataset.features) == ["f"]
    assert "numbers the rows" in note_about(dataset, "was left out")


def test_the_index_of_a_parquet_file_is_left_out() -> None:
    buffer = io.BytesIO()
    table = sorted_by_class()
    table.index = pd.Index(table.index * 7 + 3)
    table.to_parquet(buffer)
    dataset = read_table(buffer.getvalue(), target="kind")
    assert list(dataset.features) == ["f"]
    assert "'__index_level_0__'" in note_about(dataset, "was left out")


def test_an_index_of_which_rows_lack_a_target_is_left_out() -> None:
    table = sorted_by_class().reset_index(names="number")
    table.loc[::10, "kind"] = ""
    assert list(read_table(table.to_csv(index=False).encode(), target="kind").features) == ["f"]


@pytest.mark.parametrize("order", ["sorted", "shuffled"])
def test_the_only_feature_is_kept_though_it_numbers_the_rows(order: str) -> None:
    level = np.arange(1, 61) if order == "sorted" else noise().permutation(60) + 1
    content = csv_of({"level": level, "salary": 20 * level + 0.5})
    dataset = read_table(content, target="salary")
    assert list(dataset.features) == ["level"]
    assert "no other feature is left" in note_about(dataset, "'level'")


def test_unique_numbers_that_are_no_index_stay_and_a_leak_is_warned_of() -> None:
    rng = noise()
    kinds = np.repeat(["a", "b", "c"], ROWS // 3)
    columns = {
        "income": rng.choice(10**6, ROWS, replace=False),
        # Rises with the class: the day on which it was looked up.
        "stamp": 1_700_000_000 + np.arange(ROWS) * 3600,
        "kind": kinds,
    }
    dataset = read_table(csv_of(columns), target="kind")
    assert list(dataset.features) == ["income", "stamp"]
    note_about(dataset, "column 'stamp' alone predicts the target almost perfectly")
    assert not any("'income' alone" in note for note in dataset.notes)


@pytest.mark.parametrize(
    "write",
    [
        lambda i: f"R{i:05}",
        lambda i: f"user {i}",
        lambda i: f"{i * 7919:08x}-aa{i:04}",
        lambda i: f"A/{i}/2024",
    ],
)
def test_texts_shaped_like_ids_are_left_out(write: Any) -> None:
    table = plain_table().assign(key=[write(i) for i in range(ROWS)])
    dataset = read_table(table.to_csv(index=False).encode(), target="price")
    assert kind_of(dataset, "key") is ColumnKind.IDENTIFIER
    note_about(dataset, "column 'key' was left out")


@pytest.mark.parametrize("task", list(Task))
def test_a_copy_of_the_target_is_warned_of(task: Task) -> None:
    table = plain_table()
    target = {
        Task.REGRESSION: table["price"],
        Task.BINARY: np.where(table["rooms"] > 3, "yes", "no"),
        Task.MULTICLASS: [f"kind {i % 5}" for i in range(ROWS)],
    }[task]
    codes = (
        pd.Series(target) * -3
        if task is Task.REGRESSION
        else pd.factorize(pd.Series(target))[0] * 10
    )
    table = table.drop(columns="price").assign(copied=codes, y=target)
    dataset = read_table(table.to_csv(index=False).encode(), target="y", task=task)
    note_about(dataset, "column 'copied' alone predicts the target almost perfectly")


def test_honest_columns_are_not_called_leaks() -> None:
    dataset = read_table(plain_csv().encode(), target="price")
    assert not any("alone predicts" in note for note in dataset.notes)


def test_copies_of_rows_are_told_and_stay_in_one_fold() -> None:
    rng = noise()
    once = pd.DataFrame(rng.normal(size=(60, 4)).round(3), columns=list("abcd"))
    once["y"] = rng.choice(["u", "v"], 60)
    table = pd.concat([once] * 5).sample(frac=1, random_state=1)
    dataset = read_table(table.to_csv(index=False).encode(), target="y")
    assert "240 of 300 rows (80.0%) are exact copies" in note_about(dataset, "copies")
    splits = split(dataset, Evaluation(), 0)
    keys = pd.util.hash_pandas_object(dataset.features, index=False).to_numpy()
    parts = [splits.test, *(fold.validation for fold in splits.folds)]
    for number, rows in enumerate(parts):
        others = np.concatenate([part for place, part in enumerate(parts) if place != number])
        assert not set(keys[rows]) & set(keys[others])
    # Noise cannot be learned by heart any more.
    assert 0.2 < linear_score(dataset, "accuracy") < 0.7


def test_rows_that_must_repeat_are_told_and_left_apart() -> None:
    rng = noise()
    table = pd.DataFrame({name: rng.integers(0, 4, 400) for name in "abc"})
    table["y"] = np.where(table["a"] > 1, "u", "v")
    distinct = len(table.drop_duplicates())
    dataset = read_table(table.to_csv(index=False).encode(), target="y")
    assert dataset.groups is None
    told = note_about(dataset, "copies")
    assert told.startswith(f"{400 - distinct} of 400 rows ({1 - distinct / 400:.1%}) are exact")
    assert "few different values; each counts as a row of its own" in told


def test_coarse_rows_that_repeat_more_than_chance_allows_stay_in_one_fold() -> None:
    rng = noise()
    once = pd.DataFrame({name: rng.integers(0, 4, 60) for name in "abcdef"})
    once["y"] = rng.choice(["u", "v"], 60)
    dataset = read_table(pd.concat([once] * 5).to_csv(index=False).encode(), target="y")
    assert "copies are kept in one fold" in note_about(dataset, "copies")
    assert dataset.groups is not None


# Text and tails -----------------------------------------------------------------------------------


@pytest.mark.parametrize("levels", [60, 300])
def test_many_texts_that_decide_are_learned_from(levels: int) -> None:
    rng = noise()
    city = rng.integers(0, levels, levels * 20)
    worth = rng.normal(0, 10, levels)
    y = worth[city] + rng.normal(0, 0.5, len(city))
    content = csv_of({"city": [f"city{i}" for i in city], "s": rng.normal(size=len(y)), "y": y})
    dataset = read_table(content, target="y")
    assert kind_of(dataset, "city") is ColumnKind.MANY_CATEGORIES
    assert linear_score(dataset, "r2") > 0.97


@pytest.mark.parametrize("classes", [2, 4])
def test_many_texts_are_learned_from_for_classes_too(classes: int) -> None:
    rng = noise()
    city = rng.integers(0, 80, 1600)
    labels = [f"class {i % classes}" for i in city]
    content = csv_of({"city": [f"city{i}" for i in city], "s": rng.normal(size=1600), "y": labels})
    assert linear_score(read_table(content, target="y"), "accuracy") > 0.97


def test_the_encoding_of_a_training_row_does_not_know_its_target() -> None:
    rng = noise()
    city = rng.integers(0, 200, 800)
    y = rng.normal(size=800)
    content = csv_of({"city": [f"c{i}" for i in city], "s": rng.normal(size=800), "y": y})
    dataset = read_table(content, target="y")
    data = prepare(dataset, split(dataset, Evaluation(), 0))
    assert data.feature_names == ("s", "city (mean y)")
    for fold in data.folds:
        assert abs(np.corrcoef(fold.x_train[:, 1], fold.y_train)[0, 1]) < 0.2
    assert linear_score(dataset, "r2") < 0.05


@pytest.mark.parametrize("classes", [0, 2, 3])
def test_the_encoding_of_a_training_row_does_not_know_its_group(classes: int) -> None:
    """Each city stands in one group, whose worth its own rows alone could tell."""
    rng = noise()
    group = np.repeat(np.arange(80), 10)
    worth = rng.normal(0, 10, 80)[group]
    y = worth + rng.normal(0, 0.1, 800)
    labels = [f"class {i}" for i in rng.integers(0, classes, 80)[group]] if classes else y
    city, shop = [f"c{i}" for i in group], [f"s{i}" for i in group]
    content = csv_of({"city": city, "s": rng.normal(size=800), "shop": shop, "y": labels})
    dataset = read_table(content, target="y", columns={"shop": ColumnRole.GROUP})
    for fold in prepare(dataset, split(dataset, Evaluation(), 0)).folds:
        told = fold.x_train[:, 1:]
        codes = fold.y_train == np.arange(classes)[:, None] if classes > 2 else [fold.y_train]
        for column, own in zip(told.T, codes, strict=True):
            # The mean of the other groups is a little lower where the own one is high.
            assert -0.7 < np.corrcoef(column, own)[0, 1] < 0.1
        # Nothing is blown up by a spread of nearly nothing, cities of validation rows included.
        assert told.std() < 0.3
        assert np.abs(fold.x_validation[:, 1:]).max() < 1.0


def test_the_encoding_of_a_training_row_does_not_know_its_copies() -> None:
    rng = noise()
    city = rng.integers(0, 60, 240)
    once = {"city": [f"c{i}" for i in city], "s": rng.normal(size=240), "y": rng.normal(size=240)}
    content = csv_of({name: np.tile(values, 4) for name, values in once.items()})
    dataset = read_table(content, target="y")
    for fold in prepare(dataset, split(dataset, Evaluation(), 0)).folds:
        # 0.66 where copies lie on both sides of a cross-fit.
        assert np.corrcoef(fold.x_train[:, 1], fold.y_train)[0, 1] < 0.4


def test_rows_of_a_single_group_are_encoded_by_one_another() -> None:
    rng = noise()
    city = rng.integers(0, 60, 600)
    worth = rng.normal(0, 10, 60)[city]
    frame = pd.DataFrame({"city": [f"c{i}" for i in city], "y": worth})
    dataset = replace(build_dataset(frame, target="y"), groups=np.zeros(600, np.int64))
    fitted = fit_preprocessor(dataset, np.arange(600))
    told = fitted.transform(dataset.features)[:, 0]
    assert np.corrcoef(told, worth)[0, 1] > 0.99


def test_a_long_tail_is_kept_whole_and_named() -> None:
    rng = noise()
    size = np.exp(rng.normal(0, 1.6, 1500)).round(3)
    content = csv_of(
        {
            "size": size,
            "q": rng.normal(size=1500),
            "y": (2 * size + rng.normal(0, 0.05, 1500)).round(3),
        }
    )
    dataset = read_table(content, target="y")
    assert "have a long tail" in note_about(dataset, "'size'")
    assert linear_score(dataset, "r2") > 0.999


def test_what_is_cut_off_is_named() -> None:
    almost = np.zeros(ROWS)
    almost[3] = 255
    content = csv_of({"almost": almost, "x": noise().normal(size=ROWS), "y": np.arange(ROWS) % 3})
    assert "cut off at 10 standard" in note_about(read_table(content, target="y"), "'almost'")
