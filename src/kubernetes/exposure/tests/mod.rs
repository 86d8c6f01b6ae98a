mod kit;
mod raised;
mod routes;
mod ways;
