mod kit;
mod raised;
mod routes;
mod services;
