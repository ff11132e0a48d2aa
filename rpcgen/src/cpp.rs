//! A real C preprocessor before ours.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use crate::options::Reading;
use crate::preprocess::FAMILY;
use crate::translate::Input;

/// What `program` makes of an input. It is called as Sun's rpcgen calls it: `-C` keeps the comments, and line
/// markers in its output say where each line came from.
pub(crate) fn run(program: &Path, input: &Input, reading: &Reading) -> Result<String, String> {
    let failed = |why: String| format!("{}: {why}", program.display());
    let defined = |name: &str| reading.defines.iter().any(|(other, _)| other == name);
    let mut command = Command::new(program);
    command.arg("-C");
    if !FAMILY.into_iter().any(defined) {
        command.arg("-DRPC_HDR");
    }
    for (name, value) in &reading.defines {
        command.arg(match value {
            Some(value) => format!("-D{name}={value}"),
            None => format!("-D{name}"),
        });
    }
    for folder in &reading.include {
        command.arg("-I").arg(folder);
    }
    let is_file = Path::new(&input.name).is_file();
    command.arg(if is_file { input.name.as_str() } else { "-" });
    let mut child = command
        .stdin(if is_file {
            Stdio::null()
        } else {
            Stdio::piped()
        })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| failed(error.to_string()))?;
    // It may write before it has read all.
    let stdin = child.stdin.take();
    let text = input.text.clone();
    let writer = thread::spawn(move || match stdin {
        Some(mut stdin) => stdin.write_all(text.as_bytes()),
        None => Ok(()),
    });
    let output = child
        .wait_with_output()
        .map_err(|error| failed(error.to_string()))?;
    // What it did not want to read it says by how it ends.
    let _ = writer.join();
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(failed(format!("{}\n{}", output.status, said.trim_end())));
    }
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(restored(&text, &input.name))
}

/// The output with the name of the input where the preprocessor read it from a pipe.
fn restored(text: &str, name: &str) -> String {
    text.replace("\"<stdin>\"", &format!("\"{name}\""))
}
