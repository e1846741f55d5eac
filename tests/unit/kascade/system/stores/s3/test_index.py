"""The index of the embedded store: what it keeps, and what it does not let happen."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

import pytest

from kascade.system.stores.s3.errors import S3Error
from kascade.system.stores.s3.index import Entry, FolderInUse, Index


def written(index: Index, key: str = "", content: bytes = b"x") -> Entry:
    path = index.new_file()
    path.write_bytes(content)
    return Entry(key, path, len(content), "e", time.time(), {})


def test_a_folder_is_served_by_one_process_alone(tmp_path: Path) -> None:
    index = Index(tmp_path)
    under_way = index.new_file()
    under_way.write_bytes(b"a body that is still coming")
    with pytest.raises(FolderInUse, match="another process serves"):
        Index(tmp_path)
    assert under_way.exists()
    index.close()
    Index(tmp_path).close()


def test_twenty_thousand_folders_are_listed_a_page_at_a_time(tmp_path: Path) -> None:
    index = Index(tmp_path)
    index.make_bucket("raw")
    rows = ((f"{number:06d}/{each}",) for number in range(20_000) for each in ("a", "b"))
    with sqlite3.connect(tmp_path / "index.db") as database:
        database.executemany("INSERT INTO objects VALUES ('raw', ?, 'f', 1, 'e', 0, '{}')", rows)
    started, seen, after = time.process_time(), 0, ""
    while True:
        page = index.page("raw", "", "/", after, 1000)
        seen += len(page.prefixes)
        if page.last is None:
            break
        after = page.last
    assert seen == 20_000
    assert time.process_time() - started < 8
    page = index.page("raw", "", "", "010000/a", 1000)
    assert (page.entries[0].key, page.entries[-1].key, len(page.entries)) == ("010000/b", "010500/a", 1000)
    index.close()


def test_a_page_that_ends_with_the_listing_says_so(tmp_path: Path) -> None:
    index = Index(tmp_path)
    index.make_bucket("raw")
    for key in ("a/1", "a/2", "b"):
        index.put("raw", written(index, key))
    assert index.page("raw", "", "", "", 3).last is None
    assert index.page("raw", "", "/", "", 2).last is None
    assert index.page("raw", "", "", "", 2).last == "a/2"
    assert index.page("raw", "", "/", index.page("raw", "", "/", "", 1).last or "", 9).prefixes == []
    index.close()


def test_a_bucket_that_is_removed_takes_its_uploads_along(tmp_path: Path) -> None:
    index = Index(tmp_path)
    index.make_bucket("raw")
    upload = index.start_upload("raw", "a", {})
    index.put_part(upload, 1, written(index))
    index.remove_bucket("raw")
    assert list((tmp_path / ".objects").iterdir()) == []
    index.make_bucket("raw")
    assert index.uploads("raw") == []
    with pytest.raises(S3Error, match="does not exist"):
        index.need_upload(upload, "raw", "a")
    index.close()


def test_a_part_of_no_upload_is_removed_at_the_next_start(tmp_path: Path) -> None:
    index = Index(tmp_path)
    index.put_part("gone", 1, written(index))
    index.close()
    Index(tmp_path).close()
    assert list((tmp_path / ".objects").iterdir()) == []


def test_files_whose_names_are_no_text_do_not_keep_the_store_from_starting(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "good.csv").write_bytes(b"x")
    with open(bytes(tmp_path / "raw") + b"/\xff.csv", "wb") as file:
        file.write(b"x")
    index = Index(tmp_path)
    assert [entry.key for entry in index.page("raw", "", "", "", 9).entries] == ["good.csv"]
    index.close()
