"""Prefix files as they come: compressed or not, and broken in every way."""

import gzip
import random
import zipfile
from pathlib import Path

import pytest

from numberline.errors import ImportRefused
from numberline.prefixes import importing, reading
from numberline.prefixes.importing import FileReport, Options, propose_import
from pipeline.prefix_build import PrefixRow
from pipeline.prefix_files.lines import LineRejected
from pipeline.prefix_files.mapped import parse_map
from tests.prefix_files import (
    CANADA_HEADER,
    CO_CODES_HEADER,
    OWN_HEADER,
    THOUSANDS_BLOCKS_HEADER,
    canadian,
    co_code,
    thousands_block,
    write,
    write_zip,
)

OWN_LINE = "201,200,0123456789,US,NJ,America/New_York,ACME,landline"
OFFICIAL = [CO_CODES_HEADER, *(co_code(f"201-{nxx}") for nxx in range(200, 500))]


def cells(path: Path, mapping: reading.Mapping | None = None) -> list[tuple[int, list[str] | LineRejected]]:
    """All lines of a file."""
    with reading.opened(path, mapping, lambda _: None) as file:
        return list(file.lines)


def refused(*paths: Path, before: dict[str, list[PrefixRow]] | None = None, options: Options | None = None) -> str:
    """What an import of these files is refused with."""
    with pytest.raises(ImportRefused) as caught:
        propose_import(paths, before or {}, options or Options(), lambda _: None, [])
    assert str(caught.value).endswith("\nNothing was changed.")
    return str(caught.value).removesuffix("\nNothing was changed.")


@pytest.mark.parametrize("name", ["codes.txt", "codes.txt.gz", "codes.zip"])
def test_a_file_may_be_compressed(tmp_path: Path, name: str) -> None:
    """Recognised by what it holds, not by its name; the bar reaches the file's end."""
    path = write(tmp_path / name, OFFICIAL, "latin-1").rename(tmp_path / "anything")
    read: list[int] = []
    with reading.opened(path, None, read.append) as file:
        found = list(file.lines)
    assert [number for number, _ in found] == list(range(2, 302))
    assert found[0][1][1] == "201-200"  # type: ignore[index]
    assert sum(read) >= path.stat().st_size


@pytest.mark.parametrize("encoding", ["latin-1", "utf-8", "utf-8-sig"])
def test_the_official_files_may_be_latin_1_or_utf_8(tmp_path: Path, encoding: str) -> None:
    """Telling by the bytes: what is valid UTF-8 beyond ASCII is no accident."""
    path = write(tmp_path / "ca.csv", [CANADA_HEADER, canadian("418", "200", "Téléphone Milot")], encoding)
    ((_, line),) = cells(path)
    assert line[6] == "Téléphone Milot"  # type: ignore[index]


def test_quotes_hold_commas_and_line_ends_are_any(tmp_path: Path) -> None:
    """A line that cannot be read as CSV is rejected alone; blank lines are none."""
    path = tmp_path / "own.csv"
    lines = (
        OWN_HEADER,
        '201,200,0,US,NJ,,"ACME, INC. ""A""",voip\r',
        "",
        '201,201,1,US,NJ,,"ACME,voip',
        "201,202\n",
    )
    path.write_text("\n".join(lines), newline="")
    (_, good), (broken_at, broken), (short_at, short) = cells(path)
    assert good[6] == 'ACME, INC. "A"'  # type: ignore[index]
    assert (broken_at, str(broken)) == (4, "cannot be read as CSV: unexpected end of data")
    assert (short_at, str(short)) == (5, "has 2 columns and must have 8")


def xlsx(path: Path) -> Path:
    """What a spreadsheet program saves."""
    return write_zip(path, {"[Content_Types].xml": b"<Types/>", "xl/workbook.xml": b"<workbook/>"})


def encrypted(path: Path) -> Path:
    """A zip file that asks for a password."""
    write(path, OFFICIAL)
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    return path


def written(path: Path, content: bytes) -> Path:
    """A file of these bytes."""
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: written(p, b""), "broken: the file is empty\nDownload the file anew."),
        (lambda p: written(p, gzip.compress(b"")), "broken: the file is empty\nDownload the file anew."),
        (
            lambda p: written(p, f"{OWN_HEADER}\n".encode()),
            "broken: the file has a header and no lines\nDownload the file anew.",
        ),
        (
            lambda p: written(p, gzip.compress("\r\n".join(OFFICIAL).encode())[:-200]),
            "broken: the compressed file is cut off\nDownload the file anew.",
        ),
        (
            lambda p: written(p, b"PK\x03\x04" + random.Random(1).randbytes(2000)),
            "broken: the compressed file is broken: File is not a zip file\nDownload the file anew.",
        ),
        (
            lambda p: written(p, ("\n".join([OWN_HEADER, OWN_LINE]) + "\n").encode("utf-16")),
            "broken: the file is UTF-16\nSave it as UTF-8.",
        ),
        (
            lambda p: write(p, [OWN_HEADER, OWN_LINE, OWN_LINE.replace("ACME", "Téléphone")], "latin-1"),
            "broken: line 3 is not UTF-8\nSave it as UTF-8.",
        ),
        (
            lambda p: written(p, b"%PDF-1.7\n" + bytes(range(256)) * 10),
            f"broken: this is no text file\n{reading.FORMATS}",
        ),
        (lambda p: written(p, b"\x7fELF\2\1\1\0" * 100), f"broken: this is no text file\n{reading.FORMATS}"),
        (lambda p: xlsx(p), "broken: this is an office document\nSave it as CSV."),
        (
            lambda p: write_zip(p, {"a.txt": b"a", "b.txt": b"b", "__MACOSX/a.txt": b"c"}),
            "broken: the zip file holds 2 files: a.txt, b.txt\nUnpack it, and name the prefix files one by one.",
        ),
        (
            lambda p: write_zip(p, {}),
            "broken: the zip file is empty\nUnpack it, and name the prefix files one by one.",
        ),
        (
            lambda p: write(p, [CO_CODES_HEADER.replace("State\tNPA-NXX", "NPA-NXX\tState"), *OFFICIAL[1:]]),
            "broken: the header has the columns of CoCodeAssignment_Utilized_AllStates_Public in another order: "
            f'column 1 must be "State" and is "NPA-NXX"\n{reading.FORMATS}',
        ),
        (
            lambda p: written(p, f"{OWN_HEADER}\n{OWN_LINE}\n201,2\x0000".encode()),
            "broken: line 3 has NUL bytes: this is no text file\nDownload the file anew.",
        ),
        (
            lambda p: written(p, f"{OWN_HEADER}\n{'x' * 70_000}\n".encode()),
            f"broken: line 2 has more than 65536 bytes\n{reading.FORMATS}",
        ),
        (
            lambda p: write(p, [OWN_HEADER, OWN_LINE.replace("201,", "999,")]),
            "broken: area codes that are not in use: 999 (line 2 of broken)\n"
            "Where one was opened lately, say so: --new-area-code 999",
        ),
        (
            lambda p: write(p, [OWN_HEADER, OWN_LINE, OWN_LINE.replace("ACME", "OTHER")]),
            "broken: 10 thousands blocks are spoken of twice, and a block has one holder"
            + "".join(f"\n  201-200-{digit}: line 2 of broken and line 3 of broken" for digit in range(10))
            + "\nLeave one of the lines out.",
        ),
        (
            lambda p: write(p, [CO_CODES_HEADER, co_code("201-200", use="VC")]),
            "broken: no line says that a company holds blocks\nDownload the file anew.",
        ),
    ],
)
def test_a_broken_file_gets_one_clear_message(tmp_path: Path, make, message: str) -> None:  # type: ignore[no-untyped-def]
    """What is wrong, where, and what to do."""
    assert refused(make(tmp_path / "broken")) == message


def test_a_file_that_asks_for_a_password_or_is_not_there(tmp_path: Path) -> None:
    """Neither can be read."""
    assert refused(encrypted(tmp_path / "codes.zip")) == "codes.zip: the zip file is encrypted\nUnpack it first."
    missing = tmp_path / "missing.csv"
    assert refused(missing) == f"{missing}: cannot be read: No such file or directory"
    assert refused(tmp_path) == f"{tmp_path}: cannot be read: Is a directory"


def test_damage_inside_a_zip_file_is_found(tmp_path: Path) -> None:
    """By its checksum, though every line can be read."""
    path = tmp_path / "codes.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("codes.txt", "\r\n".join(OFFICIAL))
    path.write_bytes(path.read_bytes().replace(b"201-250", b"201-999", 1))
    assert refused(path) == (
        "codes.zip: the compressed file is broken: Bad CRC-32 for file 'codes.txt'\nDownload the file anew."
    )


def test_more_than_one_line_in_a_hundred_refuses_the_file(tmp_path: Path) -> None:
    """5 % broken lines: the first of them are named. One in a hundred is left out, and reported."""
    lines = list(OFFICIAL)
    for at in range(20, 301, 20):
        lines[at] = lines[at].replace("201-", "20l-")
    reports: list[FileReport] = []
    with pytest.raises(ImportRefused) as caught:
        propose_import([write(tmp_path / "codes.txt", lines)], {}, Options(), lambda _: None, reports)
    first = "".join(
        f'\n  line {at + 1}: NPA-NXX must be an area code and an exchange, such as 212-664; it is "20l-{199 + at}"'
        for at in (20, 40, 60, 80, 100)
    )
    assert str(caught.value) == (
        f"codes.txt: 15 of 300 lines break rules, more than 1%{first}\n"
        "Mend the file; --rejected FILE lists every such line.\nNothing was changed."
    )
    assert [number for number, _ in reports[0].rejected] == list(range(21, 302, 20))
    few = [*OFFICIAL[:-2], co_code("201-498", company=""), "NJ\t201-499"]
    reports.clear()
    proposal = propose_import([write(tmp_path / "few.txt", few)], {}, Options(), lambda _: None, reports)
    assert reports[0].rejected == [(300, "Company is empty"), (301, "has 2 columns and must have 11")]
    assert (reports[0].lines, reports[0].held) == (300, 298)
    assert proposal.counts == {"US": {"NJ": {"landline": 2980}}}


def test_an_import_that_loses_much_is_refused_unless_it_is_meant(tmp_path: Path) -> None:
    """A file that was cut off between two lines looks whole, but lacks a third of the country."""
    whole = propose_import([write(tmp_path / "a.txt", OFFICIAL)], {}, Options(), lambda _: None, []).data
    cut = write(tmp_path / "cut.txt", OFFICIAL[:201])
    assert refused(cut, before=dict(whole)) == (
        "cut.txt: US would lose 1,000 of its 3,000 thousands blocks, more than 20%\n"
        "An import replaces all data of the countries that its files cover: name all files of a country in one "
        "command. If the data is really to shrink so, say --accept-loss."
    )
    meant = propose_import([cut], whole, Options(accept_loss=True), lambda _: None, [])
    assert meant.changes == {"US": {"withdrawn": 1000}}


def test_the_official_files_together(tmp_path: Path) -> None:
    """Exchanges and pooled blocks of the United States, and Canada, in one version, with rate centres."""
    mobile = "LIBERTY MOBILE USVI INC."
    codes = write(
        tmp_path / "CoCodeAssignment_Utilized_AllStates_Public.zip",
        [
            CO_CODES_HEADER,
            co_code("201-200", "VERIZON NEW JERSEY, INC.", pooled="Y"),
            co_code("201-201", "Téléphone WIRELESS, LLC"),
            co_code("340-200", mobile, state="VI", rate_center="ST THOMAS"),
            co_code("201-555", use="UA", company=""),
        ],
        "latin-1",
    )
    blocks = write(
        tmp_path / "blocks.csv",
        [
            THOUSANDS_BLOCKS_HEADER,
            thousands_block("201-200-3", "ONVOY, LLC - NJ"),
            thousands_block("201-200-4", "", status="AV"),
        ],
    )
    canada = write(
        tmp_path / "canada.csv.gz", [CANADA_HEADER, canadian("416", "203"), canadian("416", "911", "", "")]
    )
    reports: list[FileReport] = []
    proposal = propose_import([codes, blocks, canada], {}, Options(), lambda _: None, reports)
    whole, new_york = 0b11_1111_1111, "America/New_York"
    in_newark = ("US", "NJ", new_york)
    assert proposal.data == {
        "201": [
            PrefixRow("201", 200, 0b1000, *in_newark, "ONVOY, LLC - NJ", "voip", "NEWARK"),
            PrefixRow("201", 200, 0b11_1110_0111, *in_newark, "VERIZON NEW JERSEY, INC.", "landline", "NEWARK"),
            PrefixRow("201", 201, whole, *in_newark, "Téléphone WIRELESS, LLC", "wireless", "NEWARK"),
        ],
        "340": [PrefixRow("340", 200, whole, "VI", "", "America/St_Thomas", mobile, "wireless", "ST THOMAS")],
        "416": [PrefixRow("416", 203, whole, "CA", "ON", "America/Toronto", "Bell Canada", "landline", "Toronto")],
    }
    assert proposal.origin.source == "CoCodeAssignment_Utilized_AllStates_Public.zip, blocks.csv, canada.csv.gz"
    assert f"{proposal.origin.as_of}" == "2026-09-03"
    assert [(one.held, dict(one.not_held)) for one in reports] == [
        (3, {"UA": 1}),
        (1, {"AV": 1}),
        (1, {"no Status": 1}),
    ]


def test_any_csv_by_a_mapping(tmp_path: Path) -> None:
    """Another delimiter, another encoding, columns of other names."""
    path = write(tmp_path / "mine.csv", ["kind;code;wer;x", "VOIP;201-200;Müller;1"], "latin-1")
    mapping = reading.Mapping(parse_map("npa=code,nxx=code,carrier=wer,line_type=kind"), "latin-1")
    proposal = propose_import([path], {}, Options(mapping), lambda _: None, [])
    assert [(row.carrier, row.line_type, row.state) for row in proposal.data["201"]] == [("Müller", "voip", "NJ")]
    wrong = reading.Mapping({"npa": "code", "nxx": "code", "carrier": "who"})
    assert refused(path, options=Options(wrong)) == (
        'mine.csv: --map carrier=who: the header does not have "who"; it has kind, code, wer, x'
    )


def test_a_file_of_endless_zeros_is_not_read_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small archive can hold more than a disk."""
    monkeypatch.setattr(reading, "MOST_BYTES", 1 << 20)
    path = write(tmp_path / "bomb.gz", [OWN_HEADER, *([""] * 1_000_000)])
    assert refused(path) == f"bomb.gz: the file has more than 1,048,576 bytes\n{reading.FORMATS}"
    assert importing.MOST_REJECTED == 0.01
