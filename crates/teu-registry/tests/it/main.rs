//! The client against servers that misbehave, and against the real `docker-registry`.

mod docker_registry;
mod server;
mod stranger;
