//! A gate that is killed while one of its calls is held, and what then becomes of what it has made.

use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::fault::{Ended, Gate, Scene};
use super::gate::gate;
use super::hold::{Hold, When};
use super::processes::{guard_of, is_running, processes_below, processes_of};

/// How long a guard may look for what comes late.
const GUARD: Duration = Duration::from_secs(90);

/// So many runs are beside each other. Most of them wait: for a state, or until a sweep has looked twice.
const AT_A_TIME: usize = 12;

/// Who is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    GateAlone,
    GateAndGuard,
}

/// How a run ended that a call was to be held of.
pub enum Came {
    /// It was killed there.
    Killed(Killed),
    /// It ended without that call.
    ToItsEnd(Box<Ended>),
}

/// A gate that was killed.
pub struct Killed {
    pub run: String,
    pub call: String,
    pub guard: Pid,
}

/// Runs the gate until its call is held, and kills it there.
pub fn kill_at(scene: &Scene, hold: &Hold, who: Who) -> Came {
    let mut gate = scene.start();
    let call = loop {
        if let Some(call) = hold.held() {
            break call;
        }
        if !gate.is_running() {
            return Came::ToItsEnd(Box::new(gate.end()));
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    let (run, guard) = kill_now(gate, who);
    Came::Killed(Killed { run, call, guard })
}

/// Kills the gate where it is; the run, and its guard.
pub fn kill_now(gate: Gate, who: Who) -> (String, Pid) {
    let run = gate.id().expect("a run that has begun");
    let guard = guard_of(gate.pid());
    if who == Who::GateAndGuard {
        kill(guard, Signal::SIGKILL).expect("the guard runs");
    }
    drop(gate.tell(Signal::SIGKILL));
    (run, guard)
}

/// Waits until a guard has done what it can.
#[track_caller]
pub fn until_guard_ends(guard: Pid) {
    let deadline = Instant::now() + GUARD;
    while is_running(guard) {
        assert!(Instant::now() < deadline, "the guard hangs");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn is_clean(run: &str, scene: &Scene) -> bool {
    let is_empty =
        std::fs::read_dir(scene.temporary()).is_ok_and(|mut files| files.next().is_none());
    is_empty && processes_below(scene.temporary()).is_empty() && processes_of(run).is_empty()
}

/// Nothing of the run is on this machine.
#[track_caller]
pub fn is_gone_from_here(run: &str, scene: &Scene) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !is_clean(run, scene) {
        assert!(Instant::now() < deadline, "{run} has left something here");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A `sweep` from a process of its own.
pub struct Sweep {
    command: Command,
}

/// What it came to.
pub struct Swept {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Sweep {
    pub fn of(scene: &Scene, more: &[&str]) -> Self {
        let mut command = gate(scene.project.path(), &[&["sweep"], more].concat());
        command
            .env("TMPDIR", scene.temporary())
            .envs(scene.variables());
        Self { command }
    }

    pub fn everything_of(scene: &Scene, run: &str) -> Self {
        Self::of(scene, &["--run-id", run, "--delete"])
    }

    pub fn run(self) -> Swept {
        self.run_and(|| {})
    }

    /// Does something when the first look is over.
    pub fn run_and(mut self, then: impl FnOnce()) -> Swept {
        use std::io::{BufRead as _, BufReader, Read as _};
        let mut child = (self.command)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut stdout = String::new();
        let mut lines = BufReader::new(child.stdout.take().expect("piped"));
        let is_summary = |line: &str| line.contains(" leaked") || line.starts_with("no run has");
        let mut then = Some(then);
        loop {
            let mut line = String::new();
            if lines.read_line(&mut line).expect("text") == 0 {
                break;
            }
            if is_summary(&line)
                && !line.starts_with("leaked")
                && let Some(then) = then.take()
            {
                then();
            }
            stdout.push_str(&line);
        }
        let mut stderr = String::new();
        (child.stderr.take().expect("piped"))
            .read_to_string(&mut stderr)
            .expect("text");
        Swept {
            code: child.wait().expect("it ends").code(),
            stdout,
            stderr,
        }
    }
}

impl Swept {
    #[track_caller]
    pub fn expect(&self, code: i32, lines: &[&str]) -> &Self {
        let Self { stdout, stderr, .. } = self;
        assert_eq!(self.code, Some(code), "{stdout}{stderr}");
        for line in lines {
            assert!(stdout.contains(line), "no `{line}` in\n{stdout}{stderr}");
        }
        self
    }

    /// It found something or it found nothing, and no place failed.
    #[track_caller]
    pub fn has_asked_everybody(&self) -> &Self {
        let Self { stdout, stderr, .. } = self;
        assert!(matches!(self.code, Some(0 | 1)), "{stdout}{stderr}");
        self
    }
}

/// A service at whose calls a run is killed.
pub trait Service: Sync {
    /// Kills a run at a call. `None`: it has ended without it.
    fn killed(&self, hold: &Hold, who: Who) -> (Scene, Option<Killed>);

    /// What of a run is there.
    fn left_of(&self, run: &str) -> Vec<String>;

    /// A call that only reads is the same to the service before and after.
    fn changes(&self, call: &str) -> bool;
}

/// Kills a run at each of its calls, before and after the service has done it, and sees that nothing is left:
/// not at the service and not here. How many calls there are.
pub fn at_every_call(service: &impl Service, who: Who) -> usize {
    let whole = Hold::none();
    assert!(service.killed(&whole, who).1.is_none());
    let killed = |at, when| nothing_stays_of_one_killed(service, who, at, when);
    each_step(whole.calls(), |at| {
        let call = killed(at, When::After)?;
        if service.changes(&call) {
            killed(at, When::Before);
        }
        Some(())
    })
}

/// The call at which it was killed; `None`: it ended before.
fn nothing_stays_of_one_killed(
    service: &impl Service,
    who: Who,
    at: usize,
    when: When,
) -> Option<String> {
    let hold = Hold::at(at, when);
    let (scene, killed) = service.killed(&hold, who);
    let Killed { run, call, guard } = killed?;
    hold.let_go();
    match who {
        Who::GateAndGuard => {
            Sweep::everything_of(&scene, &run)
                .run()
                .has_asked_everybody();
        }
        Who::GateAlone => until_guard_ends(guard),
    }
    let left = service.left_of(&run);
    assert!(
        left.is_empty(),
        "killed at call {at}, {call}, {when:?}: {left:?}"
    );
    is_gone_from_here(&run, &scene);
    Some(call)
}

/// Takes the steps of a run that is known to have so many, several at a time, and then goes on until a
/// run ends before its step. How many were reached.
fn each_step(known: usize, step: impl Fn(usize) -> Option<()> + Sync) -> usize {
    let (next, reached) = (AtomicUsize::new(1), AtomicUsize::new(0));
    let take = |at| {
        let taken = step(at);
        reached.fetch_add(usize::from(taken.is_some()), Ordering::SeqCst);
        taken
    };
    std::thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::SeqCst);
                    if at > known {
                        return;
                    }
                    take(at);
                }
            });
        }
    });
    let mut at = known + 1;
    while take(at).is_some() {
        at += 1;
    }
    reached.into_inner()
}
