//! The calls of a branch, told in their order. What Neon names by itself is shown as `<branch>` and
//! `<operation>`.

use percent_encoding::percent_decode_str;

use super::Neon;
use super::project::{Branch, Database, encoded};
use crate::cloud::calls::{Change, Cost, Detail, Rate, Step, Takes, Used};
use crate::cloud::{Account as _, CloudError, Intended, Outline};
use crate::text::human_bytes;

/// US dollars of a compute unit, an hour: the list prices of the plans Launch and Scale in 2026.
const UNIT: (f64, f64) = (0.106, 0.222);

/// A request for people: they know the names as they wrote them.
fn shown(method: &str, path: &str) -> String {
    let path = percent_decode_str(path).decode_utf8_lossy();
    format!("{method} /{path}")
}

impl Neon {
    pub(super) async fn calls(&self, intended: Intended<'_>) -> Result<Outline, CloudError> {
        const DOING: &str = "read the project";
        let project = &self.project;
        let answer = project.api.get(DOING, &project.path("")).await?;
        let parent = self.parent().await?;
        let databases = format!("branches/{}/databases", encoded(&parent.id));
        let json = project.api.get(DOING, &project.path(&databases)).await?;
        let databases_of: Vec<Database> = project.read(&json["databases"], DOING)?;
        let database = self.database(&databases_of)?;
        let role = self.wanted.role.as_ref().unwrap_or(&database.owner_name);
        let defaults = &answer["project"]["default_endpoint_settings"];
        let units = (defaults["autoscaling_limit_min_cu"].as_f64())
            .zip(defaults["autoscaling_limit_max_cu"].as_f64());
        let hour = units.map(|(least, most)| (least * UNIT.0, most * UNIT.1));

        let get = |below: &str| shown("GET", &project.path(below));
        let post = |below: &str| shown("POST", &project.path(below));
        let mut asked = vec![get(""), get("branches")];
        // A branch that is named by its id is read by it.
        let is_by_id = self
            .wanted
            .branch
            .as_ref()
            .is_some_and(|wanted| *wanted != parent.name);
        let own = format!("branches/{}", encoded(&parent.id));
        asked.extend(is_by_id.then(|| get(&own)));
        asked.push(get(&databases));
        let mut production = asked.clone();
        production.push(get("endpoints"));
        let operation = get("operations/<operation>");
        let branch = "branches/<branch>";
        let reset = format!("{branch}/roles/{}/reset_password", encoded(role));
        let search = get("branches");
        let steps = vec![
            Step::Look {
                calls: production,
                what: "what production is, and its hosts",
            },
            Change::new(post("branches"), made(intended, &parent, units))
                .costing(hour.map_or(Rate::NotKnown, |(least, most)| Rate::Between(least, most)))
                .into(),
            Step::Look {
                calls: vec![
                    operation.clone(),
                    get(&format!("{branch}/endpoints")),
                    get(&format!("{branch}/databases")),
                ],
                what: "until the branch and its compute are there",
            },
            Change::new(
                post(&reset),
                vec![("sets", format!("a new password of `{role}` in the branch"))],
            )
            .into(),
            Step::Look {
                calls: vec![operation, get("connection_uri")],
                what: "until it is set, and the way into the branch",
            },
            Step::Work {
                what: match intended.used {
                    Used::InPlace => "the rehearsal, in the branch",
                    Used::Streamed => "reads the clone into a server of ours",
                }
                .to_owned(),
                details: Vec::new(),
                takes: Takes::NotKnown,
            },
            Step::Look {
                calls: vec![search.clone()],
                what: "the branch by the clone's name",
            },
            Change::new(
                shown("DELETE", &project.path(branch)),
                vec![("branch", intended.name.to_string())],
            )
            .into(),
            Step::Look {
                calls: vec![search],
                what: "until it is gone",
            },
        ];
        Ok(Outline {
            place: project.describe(),
            asked,
            steps,
            ready: Takes::Seconds,
            cost: hour.map_or(Cost::NotKnown, |hour| Cost::Between {
                least: 0.0,
                most: None,
                hour,
            }),
            notes: vec![match hour {
                Some(_) => "A compute unit is $0.106 an hour in Neon's plan Launch and $0.222 in Scale, by the second while the compute runs; in Free, nothing is charged. The project's default compute is taken.".to_owned(),
                None => "What the compute costs is not known here: the project does not say how large it is.".to_owned(),
            }],
        })
    }
}

fn made(intended: Intended<'_>, parent: &Branch, units: Option<(f64, f64)>) -> Vec<Detail> {
    let mut details = vec![
        ("branch", intended.name.to_string()),
        ("of", format!("{} ({})", parent.name, parent.id)),
    ];
    details.extend(parent.logical_size.map(|size| {
        (
            "size",
            format!("{}, shared with its parent", human_bytes(size)),
        )
    }));
    details.push((
        "compute",
        match units {
            Some((least, most)) => format!("{least} to {most} units, by the project's default"),
            None => "the project's default".to_owned(),
        },
    ));
    details
}
