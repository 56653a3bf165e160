//! Proposals for the services of this project, from samples no package was made for; services from schemas of others.

#[cfg(test)]
mod drafts;
#[cfg(test)]
mod from_xsd;
#[cfg(test)]
mod held;
#[cfg(test)]
mod json;
#[cfg(test)]
mod records;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod services;
#[cfg(test)]
mod several;
#[cfg(test)]
mod shapes;
#[cfg(test)]
mod signs;
#[cfg(test)]
mod xml;
#[cfg(test)]
mod xsd_documents;
