//! The console of a whole gateway: its pages over its socket, and in a browser.

mod assets;
mod decision;
mod forms;
mod pages;
mod searches;
mod session;
mod visitor;
