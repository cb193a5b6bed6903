"""Texts as ids: tokens, vocabulary, padding; the data sets of texts, on disk, kept and altered."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest

from common.data import corpora, readers, texts
from common.data.datasets import DATASETS, load
from common.data.inputs import TokenInputs
from common.runs.config import Config
from common.runs.task import prepare

WORDS = ("", "<unknown>", "a", "b", "c")
TEXTS = [["b", "a"], ["a", "c", "b", "a"], ["a"]]


def test_tokens_are_words_numbers_and_signs_in_lower_case():
    assert texts.tokenize("What's A 401K -- don't!") == ["what's", "a", "401k", "-", "-", "don't", "!"]
    assert texts.tokenize("Café's 'quoted'") == ["caf", "é", "'", "s", "'", "quoted", "'"]
    assert texts.tokenize("Don't, please.", signs=False) == ["don't", "please"]


def test_words_are_ranked_by_how_often_they_are_there_and_then_by_name():
    assert texts.vocabulary(TEXTS) == WORDS
    assert texts.vocabulary([["z", "y"], ["x"]]) == ("", "<unknown>", "x", "y", "z")


def test_ids_are_padded_and_cut_on_the_left_and_read_back():
    found = texts.encode([*TEXTS, ["d", "a"], []], WORDS, 3)
    assert found.dtype == np.int32
    np.testing.assert_array_equal(found, [[0, 3, 2], [4, 3, 2], [0, 0, 2], [0, 1, 2], [0, 0, 0]])
    assert [texts.sentence(row, WORDS) for row in found[[0, 3]]] == ["b a", "<unknown> a"]


def test_a_smaller_vocabulary_keeps_the_most_frequent_words():
    ids = np.array([[0, 1, 2], [2, 3, 4]], np.int32)
    np.testing.assert_array_equal(texts.limited(ids, 1), [[0, 1, 2], [2, 1, 1]])
    np.testing.assert_array_equal(texts.limited(ids, None), ids)
    assert texts.limited(ids, 2).dtype == np.int32


def test_counts_and_means_leave_padding_out():
    ids = np.array([[0, 2, 2], [1, 3, 2], [0, 0, 0]])
    np.testing.assert_array_equal(texts.counts(ids, 4), [[0, 2, 0], [1, 1, 1], [0, 0, 0]])
    values = np.arange(18, dtype=np.float32).reshape(3, 3, 2)
    expected = [values[0, 1:].mean(0), values[1].mean(0), [0, 0]]
    np.testing.assert_allclose(texts.mean_over_tokens(values, ids), expected)


def test_texts_in_another_encoding_are_refused_in_one_line():
    assert corpora.decoded("é".encode("latin-1"), "latin-1") == "é"
    for content, encoding in ((b"\xe9", "utf-8"), (b"e", "utf-9")):
        with pytest.raises(ValueError, match=rf"^texts must be in the encoding {encoding}\. Received: [^\n]*$"):
            corpora.decoded(content, encoding)


def test_phrases_are_made_the_same_each_time_and_tell_their_topic():
    data = load("phrases")
    assert data.sha256 == load("phrases").sha256 and data.kind == "tokens"
    assert (data.x_train.shape, data.x_test.shape, data.num_classes) == ((1000, 12), (400, 12), 4)
    assert len(data.words) - 2 == DATASETS["phrases"].words and 4 <= (data.x_train > 0).sum(1).min()
    topics = [{data.words.index(word) for word in topic if word in data.words} for topic in corpora.TOPICS]
    hits = np.array([[np.isin(row, list(topic)).sum() for topic in topics] for row in data.x_test])
    assert np.mean(hits.argmax(1) == data.y_test) > 0.9
    assert 0.01 < np.mean(data.x_test[data.x_test > 0] == texts.UNKNOWN) < 0.1


SETS = [
    ("trec", 8466, (37, 500), [86, 1162, 1250, 1223, 835, 896], 72),
    ("rt_polarity", 18_966, (59, 1066), [4265] * 2, 0),
]


@pytest.fixture
def data_folder(data_dir):
    return data_dir


@pytest.mark.data
@pytest.mark.parametrize("name, words, sizes, classes, repeated", SETS)
def test_real_texts(name, words, sizes, classes, repeated, data_folder):
    data = load(name, data_folder)
    width, tested = sizes
    assert data.x_train.shape == DATASETS[name].shape and data.x_test.shape == (tested, width)
    assert len(data.words) - 2 == DATASETS[name].words == words == data.x_train.max() - 1
    assert np.bincount(data.y_train).tolist() == classes and (data.x_train > 0).sum(1).max() == width
    assert prepare(Config(dataset=name), data_folder).repeated == repeated
    first = {
        "trec": "how did serfdom develop in and then leave russia ?",
        "rt_polarity": "simplistic , silly and tedious .",
    }
    assert texts.sentence(data.x_train[0], data.words) == first[name]


def test_repeated_texts_are_left_out_and_the_others_keep_their_numbers():
    config = Config(dataset="phrases", vocabulary=20, length=4, corruption="uniform", corruption_fraction=0.5)
    data, task = load("phrases"), prepare(config)
    reduced = TokenInputs.reduce(data.x_train, config)
    assert len(np.unique(reduced, axis=0)) == len(task.train) == 1000 - task.repeated < 1000
    np.testing.assert_array_equal(task.train.inputs, reduced[task.train.indices])
    seen = {row.tobytes() for row in reduced[: task.train.indices[0]]}
    assert not seen and (np.diff(task.train.indices) > 0).all()
    for place in sorted(set(range(1000)) - set(task.train.indices.tolist()))[:20]:
        assert (reduced[:place] == reduced[place]).all(1).any()


@pytest.mark.parametrize("rule, changed", [("shuffled_words", True), ("random_words", False), ("random_tokens", False),
                                           ("shuffled_vocabulary", True)])  # fmt: skip
def test_where_one_permutation_was_learned_test_texts_are_permuted_alike(rule, changed):
    config = Config(dataset="phrases", corruption=rule, corruption_fraction=1.0)
    task, data = prepare(config), load("phrases")
    assert (task.train.inputs != data.x_train[task.train.indices]).any()
    assert (task.test.inputs != data.x_test).any() == changed


REVIEWS = {
    "train/neg": ["bad bad film<br />really", "no"], "train/pos": ["a good film", "so good"],
    "test/neg": ["bad"], "test/pos": ["an odd good film"],
}  # fmt: skip


@pytest.fixture
def reviews(tmp_path, monkeypatch):
    """IMDB's folders with a few reviews, and their checksums in the table."""
    checksums = {}
    for folder, contents in REVIEWS.items():
        (tmp_path / "aclImdb" / folder).mkdir(parents=True)
        for number, text in enumerate(contents):
            (tmp_path / "aclImdb" / folder / f"{number}_1.txt").write_text(text)
        checksums[folder] = f"sha256:{hashlib.sha256(chr(0).join(contents).encode()).hexdigest()}"
    monkeypatch.setitem(DATASETS, "imdb", replace(DATASETS["imdb"], shape=(4, 5), files=checksums))
    return tmp_path


def test_reviews_are_read_once_and_their_ids_kept(reviews, monkeypatch):
    data = load("imdb", reviews)
    assert [texts.sentence(row, data.words) for row in data.x_train] == [
        "bad bad film really",
        "no",
        "a good film",
        "so good",
    ]
    assert data.y_train.tolist() == [0, 0, 1, 1] and data.y_test.tolist() == [0, 1]
    assert texts.sentence(data.x_test[1], data.words) == "<unknown> <unknown> good film"
    with monkeypatch.context() as patch:
        patch.delattr(corpora, "read_reviews")
        again = load("imdb", reviews)
    assert again.sha256 == data.sha256 and again.words == data.words
    kept = reviews / "aclImdb" / readers.CACHE
    kept.write_bytes(kept.read_bytes()[:-30])  # one that is not whole is made anew
    assert load("imdb", reviews).sha256 == data.sha256
    with np.load(kept) as file:
        altered = {name: file[name] for name in file.files}
    altered["y_train"] = 1 - altered["y_train"]
    np.savez_compressed(kept, **altered)  # so is one whose arrays are others
    assert load("imdb", reviews).sha256 == data.sha256
    with monkeypatch.context() as patch:
        patch.setattr(corpora, "__file__", __file__)  # code that may give other ids
        patch.delattr(corpora, "read_reviews")
        with pytest.raises(NameError):
            load("imdb", reviews)
    monkeypatch.setitem(DATASETS, "imdb", replace(DATASETS["imdb"], shape=(4, 2)))
    assert load("imdb", reviews).x_train.shape == (4, 2)


def test_reviews_that_are_missing_or_altered_are_refused_in_one_line(reviews):
    path = reviews / "aclImdb" / "test" / "pos" / "0_1.txt"
    path.write_text("an odd good fil")
    with pytest.raises(
        ValueError, match=r"^\S*test/pos is truncated or altered: expected .* Move aclImdb away and run: "
    ):
        load("imdb", reviews)
    path.unlink()
    path.parent.rmdir()
    with pytest.raises(FileNotFoundError, match="has no test/pos .*Without files: --dataset phrases$"):
        load("imdb", reviews)
