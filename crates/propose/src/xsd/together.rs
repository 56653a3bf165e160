//! What of the elements of a type may stand together, where all alternatives of a choice are members.

use super::maker::{Maker, Spot, one_of};
use super::reading::{named, repeats};
use super::set::is_abstract;
use super::{Choices, NODES_MAX};
use crate::dom::{Alternatives, Branch, Element};

impl<'s> Maker<'s> {
    /// The elements of all alternatives, and that one of them stands there.
    pub(super) fn all_of(
        &mut self,
        choice: &Element,
        alternatives: &[&'s Element],
        (file, out): (usize, &mut Vec<Element>),
    ) {
        let mut branches = Vec::new();
        let from = out.len();
        for one in alternatives {
            let made = self.branch(
                |maker, made| maker.particle(one, (file, true), made),
                &mut branches,
            );
            merge(made, from, out);
        }
        branches.extend(is_optional(choice).then(Branch::default));
        self.limit(branches);
        if repeats(choice)
            && let Some(first) = out.get_mut(from).filter(|_| alternatives.len() > 1)
        {
            let names: Vec<String> = alternatives.iter().map(|one| named(one)).collect();
            first.remarks.push(one_of(&names));
        }
    }

    /// The elements of a sequence; one that may be left out is left out as a whole.
    pub(super) fn row(
        &mut self,
        particle: &Element,
        children: &[&'s Element],
        (file, is_required): (usize, bool),
        out: &mut Vec<Element>,
    ) {
        if self.choices == Choices::First || !is_optional(particle) {
            for child in children {
                self.particle(child, (file, is_required), out);
            }
            return;
        }
        let mut branches = Vec::new();
        let read = |maker: &mut Self, made: &mut Vec<Element>| {
            for child in children {
                maker.particle(child, (file, true), made);
            }
        };
        let made = self.branch(read, &mut branches);
        out.extend(made);
        let is_bound = branches.iter().any(|branch| {
            !branch.limits.is_empty() || (branch.all.len() > 1 && !branch.required.is_empty())
        });
        if is_bound {
            branches.push(Branch::default());
            self.limit(branches);
        }
    }

    /// The elements that may stand for a referred one; whether there are any.
    pub(super) fn substituted(
        &mut self,
        reference: &'s Element,
        (file, is_required): (usize, bool),
        out: &mut Vec<Element>,
    ) -> bool {
        let head = reference.attribute("ref").zip(self.set.file(file));
        let Some(head) = head.map(|(name, of)| of.named(name)) else {
            return false;
        };
        let mut all = self.set.substitutes(&head);
        let own = self.set.global("element", &head);
        all.splice(0..0, own.filter(|(own, _)| !is_abstract(own)));
        if all.len() < 2 {
            return false;
        }
        let mut branches = Vec::new();
        for (definition, at) in all {
            let spot = Spot {
                file: at,
                is_global: true,
                is_required: true,
            };
            let read = |maker: &mut Self, made: &mut Vec<Element>| {
                if maker.nodes <= NODES_MAX {
                    made.extend(maker.element(definition, spot).map(|mut one| {
                        super::maker::count(&mut one, reference);
                        one
                    }));
                }
            };
            let mut made = self.branch(read, &mut branches);
            out.append(&mut made);
        }
        if repeats(reference) {
            return true;
        }
        branches.extend((!is_required).then(Branch::default));
        self.limit(branches);
        true
    }

    /// One alternative: its elements, none of them required by itself.
    fn branch(
        &mut self,
        read: impl FnOnce(&mut Self, &mut Vec<Element>),
        branches: &mut Vec<Branch>,
    ) -> Vec<Element> {
        let outer = std::mem::take(&mut self.limits);
        let mut made = Vec::new();
        read(self, &mut made);
        let names = |wanted: fn(&Element) -> bool| -> Vec<String> {
            let fits = made.iter().filter(|one| wanted(one));
            fits.map(|one| one.local().to_owned()).collect()
        };
        branches.push(Branch {
            required: names(|one| one.is_required == Some(true)),
            all: names(|_| true),
            limits: std::mem::replace(&mut self.limits, outer),
        });
        for one in &mut made {
            one.is_required = Some(false);
        }
        made
    }

    fn limit(&mut self, branches: Vec<Branch>) {
        if branches.len() > 1 {
            self.limits.push(Alternatives { branches });
        }
    }
}

/// Elements of a further alternative; one that another alternative has, too, stands once.
fn merge(made: Vec<Element>, from: usize, out: &mut Vec<Element>) {
    for one in made {
        let known = out
            .iter_mut()
            .skip(from)
            .find(|known| known.name == one.name);
        let Some(known) = known else {
            out.push(one);
            continue;
        };
        known.repeats |= one.repeats;
        known.most = known.most.zip(one.most).map(|(own, other)| own.max(other));
        known.least = known
            .least
            .zip(one.least)
            .map(|(own, other)| own.min(other));
        let is_alike = |other: &Element| {
            (&known.base, &known.facets, &known.codes, &known.children)
                == (&other.base, &other.facets, &other.codes, &other.children)
        };
        if !is_alike(&one) {
            known.remarks.push(
                "steht in mehreren Zweigen einer Auswahl mit verschiedenen Typen; der erste gilt / stands in several branches of a choice with different types; the first counts".to_owned(),
            );
        }
    }
}

fn is_optional(particle: &Element) -> bool {
    particle.attribute("minOccurs") == Some("0")
}
