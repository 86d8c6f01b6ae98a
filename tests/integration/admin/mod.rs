//! The admin API of a whole gateway, asked over its socket.

mod accepted;
mod acts;
mod built_from;
mod decisions;
mod document;
mod due;
mod forecast;
mod image_detail;
mod images;
mod leave;
mod names;
mod overload;
mod overrides;
mod passing;
mod promotions;
mod reading;
mod replays;
mod revocations;
mod revoked;
mod scan_times;
mod scans;
mod strangers;
mod stream;
mod tokens;
mod unpushed;
mod uploads;
