"""Files appear whole or not at all."""

import resource

import pytest

from common.files import replacing, write


@pytest.fixture
def path(tmp_path):
    return tmp_path / "folder" / "model.h5"


def contents(path):
    """Every file of the folder by name, hidden ones too."""
    return {file.name: file.read_bytes() for file in path.parent.iterdir()}


@pytest.mark.parametrize("content, expected", [(b"\x00\xff\n", b"\x00\xff\n"), ("line – ü\n", "line – ü\n".encode())])
def test_writing_makes_the_folder_and_the_file_with_exactly_that_content(path, content, expected):
    write(path, content)
    assert contents(path) == {"model.h5": expected}
    write(path, "new")
    assert contents(path) == {"model.h5": b"new"}


def test_the_file_keeps_its_content_until_the_block_has_ended(path):
    write(path, "old")
    with replacing(path) as temporary:
        temporary.write_text("half of")
        assert path.read_text() == "old"
        assert temporary.parent == path.parent and temporary.suffix == ".h5"
        temporary.write_text("new")
    assert contents(path) == {"model.h5": b"new"}


@pytest.mark.parametrize("error", [ValueError, OSError, KeyboardInterrupt])
@pytest.mark.parametrize("old", [{}, {"model.h5": b"old"}])
def test_a_failure_leaves_the_old_content_and_no_temporary_file(path, error, old):
    path.parent.mkdir()
    for name, content in old.items():
        (path.parent / name).write_bytes(content)
    with pytest.raises(error), replacing(path) as temporary:
        temporary.write_text("half of")
        raise error
    assert contents(path) == old


def test_a_block_that_wrote_nothing_is_an_error_and_leaves_the_old_content(path):
    write(path, "old")
    with pytest.raises(OSError), replacing(path):
        pass
    assert contents(path) == {"model.h5": b"old"}


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), RuntimeError("disk full\nstack of C++")])
def test_a_write_that_fails_is_one_line_that_names_the_file(path, error):
    with pytest.raises(OSError) as caught, replacing(path):
        raise error
    reason = str(error).split("\n")[0]
    assert str(caught.value) == f"{path} could not be written, and is as it was: {reason}"


def test_a_folder_that_cannot_be_made_is_one_line_that_names_the_file(path):
    path.parent.write_text("a file where the folder belongs")
    with pytest.raises(OSError, match=f"^{path} could not be written, and is as it was: "):
        write(path, "new")


def test_a_full_disk_leaves_the_old_content_and_no_temporary_file(path):
    write(path, "old")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, limits[1]))  # a write beyond it fails as on a full disk
    try:
        with pytest.raises(OSError):
            write(path, bytes(2**21))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert contents(path) == {"model.h5": b"old"}
