#!/usr/bin/env python3
"""Asks real consumers what they say of the golden files.

    run.py GROUP            compare with the verdicts that are committed
    run.py GROUP --write    write them anew; read the difference
    run.py GROUP --stale    only compare the digests of the files with those that were judged

A group is a set of packages that install together (`GROUP.txt`); its consumers are the modules in `consumers/` that
name it. `cargo xtask conformance` makes the virtual environment and calls this in it.
"""

import contextlib
import hashlib
import importlib.metadata
import io
import json
import pathlib
import pkgutil
import sys

HERE = pathlib.Path(__file__).resolve().parent
GOLDENS = HERE.parent / "crates" / "tracemill-formats" / "tests"
sys.path.insert(0, str(HERE))


def main():
    group, *flags = sys.argv[1:]
    failures = []
    for name in consumers_of(group):
        verdicts = HERE / "verdicts" / f"{name}.json"
        old = json.loads(verdicts.read_text()) if verdicts.exists() else {"files": {}}
        if "--stale" in flags:
            failures += stale(name, old)
            continue
        consumer = load(name)
        failures += proofs(name, consumer)
        new = judge(consumer)
        failures += unexpected(name, consumer, new)
        if "--write" in flags:
            verdicts.parent.mkdir(exist_ok=True)
            verdicts.write_text(json.dumps(new, indent=1, ensure_ascii=False) + "\n")
        elif new != old:
            failures += differences(name, old, new)
        accepted = sum(file["records"] - len(file.get("refused", {})) for file in new["files"].values())
        records = sum(file["records"] for file in new["files"].values())
        print(f"{name}: {len(new['files'])} files, {accepted} of {records} records accepted")
    for failure in failures:
        print(f"failed: {failure}")
    return 1 if failures else 0


def consumers_of(group):
    """The consumers of a group; their first line names it, so that they can be told apart without their packages."""
    for module in sorted(pkgutil.iter_modules([str(HERE / "consumers")]), key=lambda module: module.name):
        first = (HERE / "consumers" / f"{module.name}.py").read_text().split("\n", 1)[0]
        if first == f"# group: {group}":
            yield module.name


def load(name):
    return importlib.import_module(f"consumers.{name}")


def goldens(formats):
    """The golden files of formats, in order; a file is named after its format and extensions."""
    for folder in ("golden", "golden-preference"):
        for case in sorted((GOLDENS / folder).iterdir()):
            for path in sorted(case.glob("*.jsonl")):
                if path.stem in formats:
                    yield path


def judge(consumer):
    files = {}
    for path in goldens(consumer.FORMATS):
        lines = path.read_bytes().splitlines()
        refused = {}
        for number, line in enumerate(lines, 1):
            try:
                with contextlib.redirect_stderr(io.StringIO()):
                    consumer.check(json.loads(line), path.stem)
            except Exception as error:
                refused[str(number)] = reason(error)
        file = {"sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "records": len(lines)}
        if refused:
            file["refused"] = refused
        files[key(path)] = file
    versions = {package: importlib.metadata.version(package) for package in consumer.PACKAGES}
    return {"versions": versions, "files": files}


def key(path):
    return path.relative_to(GOLDENS).as_posix()


def reason(error):
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:160]}"


def proofs(name, consumer):
    """A checker that takes everything proves nothing: each must refuse what it is known to refuse."""
    for spec, record in consumer.BAD:
        try:
            with contextlib.redirect_stderr(io.StringIO()):
                consumer.check(record, spec)
        except Exception:
            continue
        yield f"{name} takes a bad record of `{spec}`: {json.dumps(record)[:160]}"


def unexpected(name, consumer, verdict):
    """Refusals must be known, with their reason, or they are defects of an encoder."""
    for path, file in verdict["files"].items():
        for number, why in file.get("refused", {}).items():
            if not any(path.startswith(known) for known in getattr(consumer, "KNOWN", {})):
                yield f"{name} refuses {path}:{number}: {why}"


def differences(name, old, new):
    if old.get("versions") != new["versions"]:
        yield f"{name}: judged by {old.get('versions')}, now {new['versions']}"
    for path in sorted(old["files"].keys() | new["files"].keys()):
        if old["files"].get(path) != new["files"].get(path):
            yield f"{name}: the verdict on {path} is another; run `cargo xtask conformance --write` and read it"


def stale(name, old):
    paths = {path: path for path in old["files"]}
    for path in paths:
        file = GOLDENS / path
        if not file.exists():
            yield f"{name}: {path} was judged and is gone; run `cargo xtask conformance --heavy --write`"
        elif hashlib.sha256(file.read_bytes()).hexdigest() != old["files"][path]["sha256"]:
            yield f"{name}: {path} changed since it was judged; run `cargo xtask conformance --heavy --write`"


if __name__ == "__main__":
    sys.exit(main())
