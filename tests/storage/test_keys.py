"""Keys of the API: made once, kept as digests, revoked."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import select

from search.errors import Conflict, InvalidInput, NotFound
from storage import Database, Keys
from storage.keys import KeyScope, matching_key
from storage.sql.tables import KEYS


@pytest.fixture
def keys(database: Database) -> Keys:
    return Keys(database)


def test_a_key_is_found_by_what_was_printed_and_by_nothing_else(keys: Keys) -> None:
    key, other = keys.create("mine", KeyScope.WRITE), keys.create("yours", KeyScope.READ)
    rows = {row.id: row for row in keys.list()}
    found = matching_key(key, rows)
    assert found is not None
    assert (found.name, found.scope) == ("mine", KeyScope.WRITE)
    swapped = "_".join([*key.split("_")[:2], other.split("_")[2]])
    last = "0" if key[-1] != "0" else "1"
    for wrong in (swapped, key[:-1] + last, key[:-1], key + "0", "", "as__", key.upper()):
        assert matching_key(wrong, rows) is None
    assert matching_key(key, {}) is None


def test_the_database_holds_nothing_that_opens_the_door(keys: Keys, database: Database) -> None:
    key = keys.create("mine", KeyScope.WRITE)
    secret = key.split("_")[2]
    with database.reading() as connection:
        (row,) = connection.execute(select(KEYS)).all()
    assert secret not in repr(row)
    assert bytes.fromhex(secret) not in (row.digest, row.salt)


def test_two_keys_with_one_secret_would_have_digests_of_their_own(keys: Keys) -> None:
    key = keys.create("mine", KeyScope.WRITE)
    (row,) = keys.list()
    assert matching_key(key, {row.id: replace(row, salt=bytes(16))}) is None


def test_a_revoked_key_is_gone_and_its_name_free(keys: Keys) -> None:
    keys.create("mine", KeyScope.READ)
    with pytest.raises(Conflict, match="revoke mine"):
        keys.create("mine", KeyScope.WRITE)
    keys.revoke("mine")
    assert keys.list() == ()
    with pytest.raises(NotFound, match="no key 'mine'"):
        keys.revoke("mine")
    keys.create("mine", KeyScope.WRITE)


def test_the_last_use_is_shown(keys: Keys) -> None:
    keys.create("mine", KeyScope.READ)
    (row,) = keys.list()
    assert row.used_at is None
    keys.record_use(row.id)
    (used,) = keys.list()
    assert used.used_at is not None
    assert used.used_at >= row.created_at


@pytest.mark.parametrize("name", ["", " ", "-x", "a b", "x" * 101, "a\n"])
def test_a_name_is_one_word(keys: Keys, name: str) -> None:
    with pytest.raises(InvalidInput, match="letters, digits"):
        keys.create(name, KeyScope.READ)
