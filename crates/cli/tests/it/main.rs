//! The program from outside: real processes on loopback, killed, flooded, starved and asked all its commands.

#[cfg(test)]
mod backup;
#[cfg(test)]
mod commands;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod killed;
#[cfg(test)]
mod memory;
#[cfg(test)]
mod packages;
#[cfg(test)]
mod replies;
#[cfg(test)]
mod sandbox;
#[cfg(test)]
mod serve;
#[cfg(test)]
mod stand;
#[cfg(test)]
mod starved;
#[cfg(test)]
mod uplink;
#[cfg(test)]
mod validate;
#[cfg(test)]
mod way_back;
#[cfg(test)]
mod wire;
