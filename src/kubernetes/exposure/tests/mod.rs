mod kit;
mod newly_exposed;
mod paths;
mod routes;
