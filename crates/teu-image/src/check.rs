//! Finds what does not fit among images, for `fsck`, and puts it right.
//!
//! What is merely not needed any more is no fault: the next collection takes it. A fault is what is
//! promised and not there, or there and not what it says.

use crate::blobs::digest_of;
use crate::error::{At, ImageError};
use crate::ingest::gone;
use crate::refs::{IMAGES, names_in, read_name};
use crate::store::Store;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use teu_kernel::flock::Lock;
use teu_model::{DiffId, Digest};

/// One thing that does not fit.
#[derive(Clone, Debug)]
pub struct Fault {
    /// What it is about: `layer sha256:…`, `name busybox:latest`.
    pub object: String,
    /// What is wrong with it.
    pub wrong: String,
    /// What a repair does.
    pub remedy: &'static str,
    fix: Fix,
}

#[derive(Clone, Debug)]
enum Fix {
    File(PathBuf),
    Tree(PathBuf),
    ImageRecord(Digest),
}

impl Store {
    /// Everything that does not fit. `deep`: every byte of every layer is hashed.
    pub fn check(&self, deep: bool) -> Result<Vec<Fault>, ImageError> {
        let mut faults = Vec::new();
        self.check_content(&mut faults)?;
        self.check_layers(deep, &mut faults)?;
        self.check_images(&mut faults)?;
        self.check_names(&self.refs(), &mut faults)?;
        self.check_left_overs(&mut faults)?;
        Ok(faults)
    }

    /// Puts it right: what is broken goes, and what leads to it is found by the next look.
    pub fn repair(&self, fault: &Fault) -> Result<(), ImageError> {
        let _lock = self.lock_refs()?;
        match &fault.fix {
            Fix::File(path) => gone(fs::remove_file(path)).at("remove", path),
            Fix::Tree(path) => gone(fs::remove_dir_all(path)).at("remove", path),
            Fix::ImageRecord(id) => self.remove_image_record(id),
        }
    }

    fn check_content(&self, faults: &mut Vec<Fault>) -> Result<(), ImageError> {
        for name in names_in(&self.content_directory())? {
            let path = self.content_directory().join(&name);
            let wrong = match Digest::from_hex(&name) {
                None => "its name is no digest".to_string(),
                Some(digest) => match self.blob_if_here(&digest)? {
                    Some(bytes) if digest_of(&bytes) != digest => {
                        "its bytes do not have this digest".to_string()
                    }
                    _ => continue,
                },
            };
            let object = format!("document {name}");
            faults.push(Fault { object, wrong, remedy: "remove it", fix: Fix::File(path) });
        }
        Ok(())
    }

    fn check_layers(&self, deep: bool, faults: &mut Vec<Fault>) -> Result<(), ImageError> {
        for name in names_in(&self.layers_directory())? {
            let path = self.layers_directory().join(&name);
            let wrong = match Digest::from_hex(&name).map(DiffId) {
                None => Some("its name is no digest".to_string()),
                Some(diff) => self.wrong_with(&diff, deep)?,
            };
            if let Some(wrong) = wrong {
                let object = format!("layer {name}");
                faults.push(Fault { object, wrong, remedy: "remove it", fix: Fix::Tree(path) });
            }
        }
        for name in names_in(&self.by_blob_directory())? {
            let blob = Digest::from_hex(&name);
            if blob.is_none_or(|blob| self.layer_by_blob(&blob).is_none()) {
                faults.push(Fault {
                    object: format!("link of the blob {name}"),
                    wrong: "it leads to no layer".into(),
                    remedy: "remove it",
                    fix: Fix::File(self.by_blob_directory().join(name)),
                });
            }
        }
        Ok(())
    }

    fn wrong_with(&self, diff: &DiffId, deep: bool) -> Result<Option<String>, ImageError> {
        let origin = match self.origin(diff) {
            Ok(origin) => origin,
            Err(ImageError::Missing { .. }) if !self.has_layer(diff) => return Ok(None),
            Err(ImageError::Missing { .. } | ImageError::Damaged { .. }) => {
                return Ok(Some("its file `origin` is missing or damaged".into()));
            }
            Err(error) => return Err(error),
        };
        let tar = self.layer(diff).join("layer.tar");
        let Ok(file) = File::open(&tar) else { return Ok(Some("its archive is missing".into())) };
        let length = file.metadata().at("look at", &tar)?.len();
        if length != origin.tar_size {
            return Ok(Some(format!(
                "its archive has {length} bytes instead of {}",
                origin.tar_size
            )));
        }
        let index = self.layer(diff).join("index");
        if !fs::metadata(&index).is_ok_and(|index| index.len() > 0) {
            return Ok(Some("its index is missing".into()));
        }
        if deep && hash(&file).at("read", &tar)? != diff.0 {
            return Ok(Some("its bytes do not have this digest".into()));
        }
        Ok(None)
    }

    fn check_images(&self, faults: &mut Vec<Fault>) -> Result<(), ImageError> {
        for name in names_in(&self.refs().join(IMAGES))? {
            let path = self.refs().join(IMAGES).join(&name);
            let mut fault = |wrong: String, fix: Fix| {
                let object = format!("image {}", name.get(..12).unwrap_or(&name));
                let remedy = "remove it; pull or load it again";
                faults.push(Fault { object, wrong, remedy, fix });
            };
            let Some(id) = Digest::from_hex(&name) else {
                fault("its name is no digest".into(), Fix::File(path));
                continue;
            };
            let target = match self.image_record(&id) {
                Ok(Some(target)) => target,
                Ok(None) => continue,
                Err(_) => {
                    fault("its record is damaged".into(), Fix::File(path));
                    continue;
                }
            };
            match self.image(&target, None) {
                Ok(image) => {
                    if image.id != id {
                        fault("its record leads to another image".into(), Fix::File(path));
                    } else if let Some(lost) =
                        image.layers.iter().find(|layer| !self.has_layer(layer))
                    {
                        fault(format!("its layer {lost} is missing"), Fix::ImageRecord(id));
                    }
                }
                Err(error) => fault(error.to_string(), Fix::ImageRecord(id)),
            }
        }
        Ok(())
    }

    /// Names below `directory`, however they are called: what is not readable is found too.
    fn check_names(&self, directory: &Path, faults: &mut Vec<Fault>) -> Result<(), ImageError> {
        for name in names_in(directory)? {
            let path = directory.join(&name);
            if path == self.refs().join(IMAGES) {
                continue;
            }
            if path.is_dir() {
                self.check_names(&path, faults)?;
                continue;
            }
            let wrong = match read_name(&path) {
                Ok(None) => continue,
                Ok(Some(target)) => {
                    let mut images = Vec::new();
                    match self.complete_images(
                        &target,
                        teu_oci::image::INDEX_DEPTH_MAX,
                        &mut images,
                    ) {
                        Ok(()) if !images.is_empty() => continue,
                        Ok(()) => {
                            format!("{} or something that it needs is missing", target.digest)
                        }
                        Err(error) => error.to_string(),
                    }
                }
                Err(_) => "its file is damaged".into(),
            };
            let shown = path.strip_prefix(self.refs()).unwrap_or(&path).display().to_string();
            let shown = shown.replace("/_tags/", ":").replace("/_digests/", "@sha256:");
            faults.push(Fault {
                object: format!("name {shown}"),
                wrong,
                remedy: "remove the name",
                fix: Fix::File(path),
            });
        }
        Ok(())
    }

    /// What dead commands left: nobody locks it.
    fn check_left_overs(&self, faults: &mut Vec<Fault>) -> Result<(), ImageError> {
        let is_free = |path: &Path| matches!(Lock::try_exclusive(path), Ok(Some(_)));
        let left = |object: String, fix: Fix| Fault {
            object,
            wrong: "a command that died has left it".into(),
            remedy: "remove it",
            fix,
        };
        for name in names_in(&self.leases())? {
            let path = self.leases().join(&name);
            if is_free(&path) {
                faults.push(left(format!("lease {name}"), Fix::File(path)));
            }
        }
        for name in names_in(&self.ingest())?.into_iter().filter(|name| name.starts_with("layer-"))
        {
            let path = self.ingest().join(&name);
            if is_free(&path) {
                faults.push(left(format!("ingest/{name}"), Fix::Tree(path)));
            }
        }
        // Whoever writes a file here holds the directory's lock as long.
        if let Ok(Some(_alone)) = Lock::try_exclusive(&self.ingest()) {
            for name in names_in(&self.ingest())?.into_iter().filter(|one| one.starts_with("file-"))
            {
                faults.push(left(format!("ingest/{name}"), Fix::File(self.ingest().join(&name))));
            }
        }
        if is_free(&self.trash()) {
            for name in names_in(&self.trash())? {
                let path = self.trash().join(&name);
                let fix = if path.is_dir() { Fix::Tree(path) } else { Fix::File(path) };
                faults.push(left(format!("trash/images/{name}"), fix));
            }
        }
        Ok(())
    }
}

fn hash(mut file: &File) -> io::Result<Digest> {
    let mut hash = ring::digest::Context::new(&ring::digest::SHA256);
    let mut buffer = vec![0; 1 << 20];
    loop {
        let length = file.read(&mut buffer)?;
        if length == 0 {
            return Ok(crate::blobs::finished(hash.finish()));
        }
        hash.update(&buffer[..length]);
    }
}
