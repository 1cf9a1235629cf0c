//! `cargo xtask corpus`: a seeded workload in a file.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Instant;

use benches::corpus::{Corpus, Kind, Written};

use crate::Result;
use crate::args::{Args, parse_size};
use crate::workspace::Workspace;

pub(crate) fn run(workspace: &Workspace, mut args: Args) -> Result {
    let kind: Kind = args.option("--kind")?.as_deref().unwrap_or("chat").parse()?;
    let size = parse_size(args.option("--size")?.as_deref().unwrap_or("200MB"))?;
    let seed = args
        .option("--seed")?
        .as_deref()
        .unwrap_or("1")
        .parse()
        .map_err(|_| "`--seed` wants a number")?;
    let out = args.option("--out")?;
    args.finish()?;

    let corpus = Corpus::new(kind, size, seed);
    let path = out.map_or_else(|| default_path(workspace, &corpus), PathBuf::from);
    let start = Instant::now();
    let written = write(&corpus, &path)?;
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "{}: {} records, {} bytes, {seconds:.1} s",
        path.display(),
        written.records(),
        written.bytes()
    );
    Ok(())
}

/// The file of a workload under cargo's target folder, written unless it is there.
pub(crate) fn cached(workspace: &Workspace, corpus: &Corpus) -> Result<PathBuf> {
    let path = default_path(workspace, corpus);
    if !path.exists() {
        println!("writing {}", path.display());
        write(corpus, &path)?;
    }
    Ok(path)
}

fn default_path(workspace: &Workspace, corpus: &Corpus) -> PathBuf {
    workspace.target().join("corpus").join(corpus.file_name())
}

/// Writes beside the target and renames, so that a file of this name is always whole; devices are written directly.
fn write(corpus: &Corpus, path: &Path) -> Result<Written> {
    if path.exists() && !path.is_file() {
        return Ok(corpus.write_to(&mut File::create(path)?)?);
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let written = corpus.write_to(&mut File::create(&partial)?)?;
    fs::rename(&partial, path)?;
    Ok(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_written_workload_is_whole_and_alone() {
        let folder = tempfile::tempdir().unwrap();
        let corpus = Corpus::new(Kind::Chat, 10_000, 1);
        let path = folder.path().join("new").join(corpus.file_name());
        let written = write(&corpus, &path).unwrap();
        assert_eq!(fs::read(&path).unwrap(), corpus.to_vec());
        assert_eq!(fs::metadata(&path).unwrap().len(), written.bytes());
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }
}
