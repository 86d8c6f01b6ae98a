//! A registry of plain files behind nginx: every odd habit that a real server can have
//! at once. What is asked for lies at another host, of no type, without a digest, and
//! compressed whatever is asked for; HEAD is answered 405.

use std::fs;
use std::path::Path;
use std::process::Command;

use flate2::Compression;
use flate2::read::GzEncoder;
use tempfile::TempDir;

use super::{Image, Missing, Origin, Part, free_port, get, installed};

#[derive(Debug)]
pub struct StaticRegistry {
    _part: Part,
    address: String,
    files: String,
    folder: TempDir,
}

impl StaticRegistry {
    /// One that has `image` of `origin`, by tag and digest.
    pub fn start(origin: &Origin, image: &Image) -> Result<Self, Missing> {
        let program = installed("nginx")?;
        let folder = tempfile::tempdir().unwrap();
        fill(&folder.path().join("files"), origin, image);
        let [front, files] = [free_port(), free_port()].map(|port| format!("127.0.0.1:{port}"));
        let configuration = configuration(folder.path(), &front, &files);
        let file = folder.path().join("nginx.conf");
        fs::write(&file, configuration).unwrap();
        let mut command = Command::new(program);
        let log = folder.path().join("error.log");
        command.arg("-c").arg(&file).arg("-e").arg(&log);
        let mut part = Part::start("nginx", &command, &folder.path().join("log"));
        part.ready(|| get(&front, "/v2/"));
        Ok(Self {
            _part: part,
            address: front,
            files,
            folder,
        })
    }

    /// Where it is asked.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Where it sends everyone.
    pub fn files(&self) -> &str {
        &self.files
    }

    /// Requests at the host of the files, as nginx logs them.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("access.log")).unwrap()
    }
}

/// Puts each file compressed, and not otherwise.
fn fill(files: &Path, origin: &Origin, image: &Image) {
    let repository = format!("/v2/{}", image.repository);
    let manifest = format!("{repository}/manifests");
    let by_digest = format!("{manifest}/{}", image.digest);
    put(files, origin, &by_digest, &by_digest);
    put(
        files,
        origin,
        &by_digest,
        &format!("{manifest}/{}", image.tag),
    );
    for blob in image.layers.iter().chain([&image.config]) {
        let path = format!("{repository}/blobs/{blob}");
        put(files, origin, &path, &path);
    }
}

fn put(files: &Path, origin: &Origin, from: &str, to: &str) {
    let content = get(origin.address(), from).unwrap();
    assert_eq!(content.status, 200, "{from}");
    let file = files.join(format!("{}.gz", &to[1..]));
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    let mut coded = GzEncoder::new(&content.body[..], Compression::default());
    let mut file = fs::File::create(file).unwrap();
    std::io::copy(&mut coded, &mut file).unwrap();
}

fn configuration(folder: &Path, front: &str, files: &str) -> String {
    let folder = folder.display();
    format!(
        "daemon off;\nuser root;\nworker_processes 1;\npid {folder}/pid;\n\
         events {{ worker_connections 256; }}\nhttp {{\n\
         access_log off;\nclient_body_temp_path {folder}/body;\nproxy_temp_path {folder}/proxy;\n\
         fastcgi_temp_path {folder}/fastcgi;\nuwsgi_temp_path {folder}/uwsgi;\n\
         scgi_temp_path {folder}/scgi;\n\
         server {{ listen {front}; location = /v2/ {{ return 200 '{{}}'; }}\n\
         location / {{ return 307 http://{files}$request_uri; }} }}\n\
         server {{ listen {files}; root {folder}/files; access_log {folder}/access.log;\n\
         default_type text/plain; gzip_static always;\n\
         if ($request_method = HEAD) {{ return 405; }} }}\n}}\n"
    )
}
