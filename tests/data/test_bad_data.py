"""Every kind of bad data in the table is handled and counted, or refused in one sentence."""

import bad_data
import pytest


@pytest.mark.parametrize("one", bad_data.KINDS, ids=bad_data.slug)
def test_bad_data_is_handled_or_refused(one: bad_data.Kind, tmp_path):
    assert bad_data.outcome(one, tmp_path)


def test_the_table_has_no_kind_twice_and_at_least_sixty():
    assert len({(one.group, one.name) for one in bad_data.KINDS}) == len(bad_data.KINDS) >= 60


def test_a_wrong_outcome_would_be_found(tmp_path):
    damaged = bad_data.Kind("CSV file", "x", lambda file: file.write_bytes(b""), handled="")
    with pytest.raises(AssertionError, match="should be handled"):
        bad_data.outcome(damaged, tmp_path)
