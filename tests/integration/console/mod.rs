//! The console of a whole gateway: its pages over its socket, and in a browser.

mod activity;
mod assets;
mod browser;
mod busy_lab;
mod decision;
mod denials;
mod forms;
mod full_lists;
mod in_browser;
mod page_table;
mod pages;
mod searches;
mod session;
mod visitor;
