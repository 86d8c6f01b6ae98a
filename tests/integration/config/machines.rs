//! What lies in `config/` for machines of one's own is read by the programs it is for.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::lab::{Missing, Outcome, installed, or_skip, outcome, run};

const CONFIG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/config");
/// The units, with the exposure in tenths, of a hundred: 11 is what is left to a program that
/// serves over the network, and root adds a little.
const UNITS: [(&str, &str); 2] = [("sekisho.service", "11"), ("sekisho-node.service", "14")];
const STREAM_MODULE: &str = "/usr/lib/nginx/modules/ngx_stream_module.so";

fn text(name: &str) -> String {
    fs::read_to_string(Path::new(CONFIG).join(name)).unwrap()
}

/// `systemd-analyze` on a unit, with the program where the tests have it.
fn analyzed(name: &str, arguments: &[&str]) -> Result<Outcome, Missing> {
    let program = installed("systemd-analyze")?;
    let folder = tempfile::tempdir().unwrap();
    let unit = folder.path().join(name);
    let there = text(&format!("systemd/{name}"));
    let here = there.replace("/usr/local/bin/sekisho", env!("CARGO_BIN_EXE_sekisho"));
    assert_ne!(there, here);
    fs::write(&unit, here).unwrap();
    Ok(outcome(Command::new(program).args(arguments).arg(unit)))
}

#[test]
fn systemd_has_nothing_to_say_against_the_units() {
    for (unit, _) in UNITS {
        let told = or_skip!(analyzed(unit, &["verify", "--man=no"]));
        assert_eq!((told.code, told.text().trim()), (Some(0), ""), "{told:?}");
    }
}

#[test]
fn the_units_leave_the_program_no_more_than_the_network_and_its_sockets() {
    for (unit, tenths) in UNITS {
        let threshold = format!("--threshold={tenths}");
        let arguments = ["security", "--offline=true", "--no-pager", &threshold];
        let told = or_skip!(analyzed(unit, &arguments));
        assert!(told.ok(), "{}", told.text());
    }
}

/// Each variable of the example is one of an argument of the agent's.
#[test]
fn the_agents_unit_names_variables_that_the_agent_reads() {
    let help = run(&["node", "agent", "--help"]).expect_ok();
    let unit = text("systemd/sekisho-node.service");
    let lines = unit
        .lines()
        .filter_map(|line| line.strip_prefix("#     SEKISHO_"));
    let names: Vec<&str> = lines.filter_map(|line| line.split('=').next()).collect();
    assert!(names.len() > 5, "{names:?}");
    for name in names {
        assert!(help.contains(&format!("SEKISHO_{name}=]")), "{name}");
    }
}

/// Those that it names stand in the program's own list, so that systemd does not wait for
/// a failure that will not pass.
#[test]
fn the_unit_does_not_try_again_what_is_configured_wrongly() {
    let unit = text("systemd/sekisho.service");
    assert!(unit.contains("RestartPreventExitStatus=2 64\n"), "{unit}");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sekisho.toml");
    fs::write(&file, "data_dirs = \"x\"\n").unwrap();
    let file = file.to_str().unwrap();
    assert_eq!(run(&["serve", "--config", file]).code, Some(64));
    assert_eq!(run(&["serve", "--configuration", file]).code, Some(2));
}

#[test]
fn haproxy_reads_its_example() {
    let haproxy = or_skip!(installed("haproxy"));
    let file = format!("{CONFIG}/load-balancer/haproxy.cfg");
    let told = outcome(Command::new(haproxy).args(["-c", "-q", "-f", &file]));
    assert!(told.ok(), "{}", told.text());
}

#[test]
fn nginx_reads_its_example() {
    let nginx = or_skip!(installed("nginx"));
    if !Path::new(STREAM_MODULE).exists() {
        return Missing::new("nginx has no stream module").skip();
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("nginx.conf");
    let head = format!(
        "load_module {STREAM_MODULE};\npid {0}/pid;\nerror_log stderr;\nevents {{}}\n",
        folder.path().display()
    );
    let example = text("load-balancer/nginx-stream.conf");
    fs::write(&file, format!("{head}{example}")).unwrap();
    let mut command = Command::new(nginx);
    command.arg("-t").arg("-c").arg(&file);
    let told = outcome(command.arg("-p").arg(folder.path()));
    assert!(told.ok(), "{}", told.text());
}
