//! Steps that give back what was taken, newest first, unless the work completes.

type Step = Box<dyn FnOnce() -> Result<(), String>>;

/// A stack of undo steps. Dropping it runs them; `forget` keeps what was taken.
#[derive(Default)]
pub struct Undo {
    steps: Vec<(&'static str, Step)>,
    failed: Vec<String>,
}

impl Undo {
    /// Nothing taken yet.
    pub fn new() -> Undo {
        Undo::default()
    }

    /// Call in the line after the step that took something.
    pub fn push(
        &mut self,
        what: &'static str,
        step: impl FnOnce() -> Result<(), String> + 'static,
    ) {
        self.steps.push((what, Box::new(step)));
    }

    /// The work is complete: nothing is to be given back.
    pub fn forget(&mut self) {
        self.steps.clear();
    }

    /// Gives everything back now, and tells which steps failed. A failed step does not stop the
    /// others: what it leaves carries its owner's id, and the next command removes it.
    pub fn run(&mut self) -> Vec<String> {
        for (what, step) in self.steps.drain(..).rev() {
            if let Err(why) = step() {
                self.failed.push(format!("{what}: {why}"));
            }
        }
        std::mem::take(&mut self.failed)
    }
}

impl Drop for Undo {
    fn drop(&mut self) {
        self.run();
    }
}

#[test]
fn undoes_newest_first() {
    use std::{cell::RefCell, rc::Rc};
    let seen = Rc::new(RefCell::new(Vec::new()));
    {
        let mut undo = Undo::new();
        for name in ["address", "veth", "rule"] {
            let seen = Rc::clone(&seen);
            undo.push(name, move || {
                seen.borrow_mut().push(name);
                Ok(())
            });
        }
    }
    assert_eq!(*seen.borrow(), ["rule", "veth", "address"]);
    let mut undo = Undo::new();
    undo.push("never", || unreachable!());
    undo.forget();
    undo.push("address", || Err("busy".into()));
    assert_eq!(undo.run(), ["address: busy"]);
}
