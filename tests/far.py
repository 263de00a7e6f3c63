"""A file system of Beam with a scheme, `far://`, whose files are on this machine."""

from pathlib import Path

from apache_beam.io.filesystem import FileMetadata
from apache_beam.io.localfilesystem import LocalFileSystem


class Far(LocalFileSystem):
    """Files without folders, as in the buckets of a cloud."""

    root: Path

    @classmethod
    def scheme(cls):
        return "far"

    def has_dirs(self):
        return False

    def real(self, address):
        return self.root / address.removeprefix("far://")

    def _list(self, prefix):
        for path in sorted(self.root.rglob("*")):
            address = f"far://{path.relative_to(self.root).as_posix()}"
            if path.is_file() and address.startswith(prefix):
                yield self.metadata(address)

    def _path_open(self, path, mode, mime_type="", compression_type="auto"):
        if "w" in mode:
            self.real(path).parent.mkdir(parents=True, exist_ok=True)
        return self.real(path).open(mode)

    def exists(self, path):
        return self.real(path).exists()

    def metadata(self, path):
        return FileMetadata(path, self.real(path).stat().st_size)

    def delete(self, paths):
        for path in paths:
            self.real(path).unlink()
