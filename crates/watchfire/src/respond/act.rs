//! `watchfire respond isolate|release|kill`: plans, and what is approved of them.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use watchfire_events::{Document, get_field};
use watchfire_triage::{Killing, Managed, Order, Plan, Product, Unmanaged};

use super::RECORD;
use crate::doing::Doing;
use crate::exit::Exit;
use crate::terminal::escape_controls;
use crate::triage::{AlertChoice, uuid_of};

/// Lines of a request that are shown.
const MOST_LINES: usize = 60;

/// What was approved, and how it is sent.
#[derive(Debug, clap::Args)]
pub(super) struct Approval {
    /// Sends the plan of this number; may be given several times. Without it plans are shown, and nothing is sent.
    #[arg(long, value_name = "PLAN", requires = "approved_by")]
    approve: Vec<String>,
    /// Who approved it.
    #[arg(long, value_name = "NAME", requires = "approve")]
    pub(super) approved_by: Option<String>,
    /// What was approved, sent, answered and reached is recorded in this file.
    #[arg(long, value_name = "FILE", default_value = RECORD)]
    pub(super) record: PathBuf,
    /// Notes it in the case in this folder too.
    #[arg(long, value_name = "FOLDER")]
    pub(super) case: Option<PathBuf>,
    /// Looks for as long as this whether it has been done, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub(super) wait: u64,
    /// Waits for each answer for as long as this, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) timeout: u64,
    #[command(flatten)]
    pub(super) doing: Doing,
}

/// Plans, with the alerts that each is for.
pub(super) type Planned = Vec<(Plan, Vec<String>)>;

impl Approval {
    /// Shows plans, or carries out those that were approved. `is_complete` is whether there is a plan for all that was asked for.
    pub(super) fn show_or_send(
        &self,
        plans: &Planned,
        is_complete: bool,
        out: &mut dyn Write,
        log: &mut dyn Write,
    ) -> io::Result<Exit> {
        let unclean = if is_complete { Exit::Success } else { Exit::Problems };
        if self.approve.is_empty() {
            for (number, (plan, _)) in plans.iter().enumerate() {
                if number > 0 {
                    writeln!(out)?;
                }
                out.write_all(plan.to_text(MOST_LINES).as_bytes())?;
            }
            if !plans.is_empty() {
                writeln!(log, "nothing was sent; `--approve PLAN --approved-by NAME` sends a plan")?;
            }
            return Ok(unclean);
        }
        let known: Vec<String> = plans.iter().map(|(plan, _)| plan.id()).collect();
        if let Some(unknown) = self.approve.iter().find(|id| !known.contains(id)) {
            writeln!(
                log,
                "nothing was sent: there is no plan `{}` here; what would be sent is {}",
                escape_controls(unknown),
                if known.is_empty() { "nothing".to_owned() } else { known.join(", ") }
            )?;
            return Ok(Exit::Usage);
        }
        let approved = plans.iter().zip(&known).filter(|(_, id)| self.approve.contains(id));
        let approved: Vec<&(Plan, Vec<String>)> = approved.map(|(planned, _)| planned).collect();
        let left = plans.len() - approved.len();
        let exit = self.send(&approved, out, log)?;
        if left > 0 {
            writeln!(log, "not approved, and not sent: {left} more plans")?;
        }
        Ok(if exit == Exit::Success { unclean } else { exit })
    }

    #[cfg(not(feature = "serve"))]
    #[expect(clippy::unused_self, reason = "a build with the feature sends")]
    fn send(&self, _: &[&(Plan, Vec<String>)], _: &mut dyn Write, log: &mut dyn Write) -> io::Result<Exit> {
        writeln!(
            log,
            "nothing was sent: this build of watchfire cannot send; one with `--features serve` can, or `curl` with the requests shown"
        )?;
        Ok(Exit::Problems)
    }
}

/// Of which hosts, and how it is told.
#[derive(Debug, clap::Args)]
struct Acting {
    #[command(flatten)]
    alerts: AlertChoice,
    /// What is said to the product of it, behind the id and the rule of the alert.
    #[arg(long, value_name = "TEXT", default_value = "")]
    comment: String,
    /// The product that looks after the host, where that is another than the one the alert is from.
    #[arg(long, value_parser = product_parser(), value_name = "PRODUCT", requires = "agent")]
    through: Option<Product>,
    /// The id that this product has for the host.
    #[arg(long, value_name = "ID", requires = "through")]
    agent: Option<String>,
    #[command(flatten)]
    approval: Approval,
}

/// What reads the name of a product; the help of each says what it needs of the environment.
fn product_parser() -> impl TypedValueParser<Value = Product> {
    let value = |product: &Product| {
        let needed = product.settings().iter().map(|setting| format!("`{}`", setting.name));
        PossibleValue::new(product.name()).help(needed.collect::<Vec<_>>().join(", "))
    };
    PossibleValuesParser::new(Product::ALL.iter().map(value)).map(|name| {
        let named = Product::ALL.iter().find(|product| product.name() == name);
        *named.expect("these are the names of products")
    })
}

/// Cuts the hosts of alerts off from the network, but for the product that does it.
#[derive(Debug, clap::Args)]
pub(super) struct Isolate {
    #[command(flatten)]
    acting: Acting,
}

/// Lets the hosts of alerts back to the network.
#[derive(Debug, clap::Args)]
pub(super) struct Release {
    #[command(flatten)]
    acting: Acting,
}

/// Ends the processes of alerts: by entity id or number through Elastic Defend, by name through SentinelOne, by a script through
/// CrowdStrike and Defender. It cannot be undone.
#[derive(Debug, clap::Args)]
pub(super) struct Kill {
    /// The script of Defender's library that ends a process; it gets `-ProcessId NUMBER` and `-Name NAME`.
    #[arg(long, value_name = "NAME")]
    script: Option<String>,
    #[command(flatten)]
    acting: Acting,
}

impl Isolate {
    pub(super) fn isolate(&self, out: &mut dyn Write, log: &mut dyn Write) -> io::Result<Exit> {
        self.acting.act(|_| Order::Isolate, out, log)
    }
}

impl Release {
    pub(super) fn release(&self, out: &mut dyn Write, log: &mut dyn Write) -> io::Result<Exit> {
        self.acting.act(|_| Order::Release, out, log)
    }
}

impl Kill {
    pub(super) fn kill(&self, out: &mut dyn Write, log: &mut dyn Write) -> io::Result<Exit> {
        let order =
            |alert: &Document| Order::Kill { process: Killing::of(alert), script: self.script.clone() };
        self.acting.act(order, out, log)
    }
}

impl Acting {
    fn act(
        &self,
        order: impl Fn(&Document) -> Order,
        out: &mut dyn Write,
        log: &mut dyn Write,
    ) -> io::Result<Exit> {
        let Some(alerts) = self.alerts.read(log)? else { return Ok(Exit::Usage) };
        let mut plans: Planned = Vec::new();
        let mut is_complete = alerts.unread == 0;
        for alert in alerts.chosen() {
            let uuid = uuid_of(alert);
            let planned = match self.managed(alert) {
                Ok(managed) => Plan::new(&managed, &order(alert), &self.comment_of(alert)),
                Err(why) => Err(format!(
                    "{why}; `watchfire respond runbook` says what to do by hand, `--through` and `--agent` name another product"
                )),
            };
            match planned {
                Ok(plan) => match plans.iter_mut().find(|(known, _)| known.does_same(&plan)) {
                    Some((_, uuids)) => uuids.push(uuid),
                    None => plans.push((plan, vec![uuid])),
                },
                Err(why) => {
                    is_complete = false;
                    writeln!(log, "no plan for alert {}: {}", escape_controls(&uuid), escape_controls(&why))?;
                }
            }
        }
        let exit = self.approval.show_or_send(&plans, is_complete, out, log)?;
        alerts.tell_rest("planned", log)?;
        Ok(exit)
    }

    fn managed(&self, alert: &Document) -> Result<Managed, Unmanaged> {
        match (self.through, &self.agent) {
            (Some(through), Some(agent)) => Ok(Managed::named(alert, through, agent)),
            _ => Managed::of(alert),
        }
    }

    /// What is said to the product. Who approves is not part of it: what is approved must not change by that.
    fn comment_of(&self, alert: &Document) -> String {
        let rule = get_field(alert, "kibana.alert.rule.name").and_then(|name| name.as_str());
        let comment =
            format!("Watchfire, alert {} of {}. {}", uuid_of(alert), rule.unwrap_or("a rule"), self.comment);
        comment.trim_end().to_owned()
    }
}
