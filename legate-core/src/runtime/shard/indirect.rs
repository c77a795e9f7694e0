//! A planned indirect copy becomes nodes: points are sorted by who has their rows, messages go there and come back, rows are placed.

use super::Shard;
use super::points::usage;
use crate::analysis::dependence::Usage;
use crate::analysis::indirect::{INDEX, IndirectPlan, Rows, VALUES};
use crate::error::Provenance;
use crate::exec::action::{Action, Name};
use crate::exec::graph::{Length, Uses};
use crate::exec::indirect::{Apply, Count, Fill, Format, Incoming, List, Own, Place, Slabs, Sorting, serve};
use crate::exec::instance::PhysicalInstance;
use crate::exec::{Node, Work};
use crate::geometry::{Rect, div_ceil};
use crate::id::ShardId;
use crate::operation::{Direction, Indirect};
use std::ops::Range;
use std::sync::Arc;

/// An indirect copy while its nodes are made.
struct Copying<'a> {
    copy: &'a Indirect,
    plan: &'a IndirectPlan,
    rows: Arc<Rows>,
    /// Of the index and of the values; `None` where this shard has no points.
    instances: [Option<PhysicalInstance>; 2],
    table: Option<Table>,
    /// This shard's points, cut for the cores.
    spans: Vec<Range<i64>>,
}

/// The rows that a shard has.
struct Table {
    instance: PhysicalInstance,
    /// The first to the last; others' may lie between.
    rows: Range<i64>,
    /// In the field.
    image: Rect,
}

/// Points sorted by owners; `None`: an operand is not in memory.
type Sorted = Option<Arc<Sorting>>;

impl Copying<'_> {
    fn name(&self) -> Name {
        let name = match self.copy.direction {
            Direction::Gather => "gather",
            Direction::Scatter => "scatter",
        };
        Name::new("copy", name, &self.copy.provenance)
    }
    fn message(&self) -> Name {
        Name { category: "message", ..self.name() }
    }
    /// Extents of a row.
    fn slab(&self) -> &[i64] {
        &self.copy.values.shape[1..]
    }
    /// Points of this shard, and what of the list one of them takes.
    fn bounding(&self) -> Range<i64> {
        let rects = self.plan.launch.points.iter().map(|point| &point.rect);
        let ends = rects.fold((i64::MAX, i64::MIN), |(lo, hi), rect| (lo.min(rect.lo[0]), hi.max(rect.hi[0])));
        ends.0..ends.1
    }
    /// The points, if there are any and the index is in memory.
    fn list(&self) -> Option<List> {
        let instance = self.instances[INDEX].as_ref()?;
        let index = Slabs::new(instance, &self.copy.index.access, self.bounding(), &[])?;
        let (rows, provenance) = (self.rows.clone(), self.copy.provenance.clone());
        Some(List { index, spans: self.spans.clone(), rows, provenance })
    }
    fn values(&self) -> Option<Slabs> {
        Slabs::new(self.instances[VALUES].as_ref()?, &self.copy.values.access, self.bounding(), self.slab())
    }
    fn table(&self) -> Option<Slabs> {
        let table = self.table.as_ref()?;
        Slabs::new(&table.instance, &self.copy.table.access, table.rows.clone(), self.slab())
    }
    /// The last node of a gather; `None` if something is not in memory. `here`: the shard's place among the owners; `others`: what it has sorted, and the replies.
    fn placing(&self, here: Option<usize>, others: Option<(Sorted, Vec<Option<Incoming>>)>) -> Option<Box<dyn Work>> {
        let own = match here {
            Some(here) => Some((here, self.table()?)),
            None => None,
        };
        let others = match others {
            Some((sorting, replies)) => Some((sorting?, replies)),
            None => None,
        };
        Some(Box::new(Place { list: self.list()?, values: self.values()?, own, others, name: self.name() }))
    }
    /// The last node of a scatter; `None` if something is not in memory. `spans`: the table's rows, cut for the cores.
    fn applying(
        &self,
        here: Option<usize>,
        spans: Vec<Range<i64>>,
        format: Format,
        (before, own, after): (Vec<Incoming>, Option<Sorted>, Vec<Incoming>),
    ) -> Option<Box<dyn Work>> {
        let own = match (here.filter(|_| !self.spans.is_empty()), own) {
            (Some(here), Some(sorting)) => Own::Sorted(sorting?, here),
            (Some(here), None) => Own::Listed(Box::new((self.list()?, self.values()?)), here),
            (None, _) => Own::None,
        };
        let (table, points, name) = (self.table()?, self.points_here(), self.name());
        Some(Box::new(Apply { table, spans, before, own, after, format, points, name }))
    }
    /// Points of all shards with rows of this one, about.
    fn points_here(&self) -> usize {
        self.copy.values.shape[0] as usize / self.rows.owners().len().max(1)
    }
    /// Rows that may come in a message, about.
    fn share(&self) -> usize {
        let points = self.copy.values.shape[0] as usize;
        points / self.rows.owners().len().max(1) / self.rows.owners().len().max(1)
    }
}

impl Shard {
    /// Does a planned indirect copy.
    pub(super) fn indirect(&mut self, copy: &Indirect, plan: &IndirectPlan) {
        let by = &copy.provenance;
        plan.prepare.iter().chain(&plan.launch.prepare).for_each(|first| self.redistribute(first, by));
        plan.launch.sends.iter().for_each(|send| self.send(&send.transfer, by));
        let mut instances = [None, None];
        self.place_operands(&plan.list, &plan.launch, &[INDEX, VALUES], &mut instances, by);
        self.receive_operands(&plan.launch, &instances, by);
        let (rows, table) = (Arc::new(plan.rows.clone()), self.table(copy, &plan.rows, by));
        let mut copying = Copying { copy, plan, rows, instances, table, spans: Vec::new() };
        copying.spans = self.spans(&copying);
        match copy.direction {
            Direction::Gather => self.gather_rows(&copying),
            Direction::Scatter => self.scatter_rows(&copying),
        }
        self.drop_temporaries(&plan.launch, &[INDEX, VALUES], &copying.instances);
    }

    /// The rows that are this shard's, in an instance that may be written, if they are to be.
    fn table(&mut self, copy: &Indirect, rows: &Rows, by: &Provenance) -> Option<Table> {
        let ranges = rows.ranges(self.me);
        let rows = ranges.reduce(|all, range| all.start.min(range.start)..all.end.max(range.end))?;
        let mut view = Rect::from_shape(&copy.table.shape);
        (view.lo[0], view.hi[0]) = (rows.start, rows.end);
        let (field, image) = (copy.table.field, copy.table.access.image(&view));
        if copy.direction == Direction::Scatter {
            let extent = self.states.extent(field, self.me);
            self.cover(field, &image.bounding(&extent), false, by);
            self.unshare(field, false, by);
        }
        let instance = self.main_or_fresh(field, &image, by);
        Some(Table { instance, rows, image })
    }

    /// The shard's points, cut for its cores.
    fn spans(&self, copying: &Copying<'_>) -> Vec<Range<i64>> {
        let pieces = copying.plan.launch.points.iter().map(|point| point.rect.lo[0]..point.rect.hi[0]);
        let points: i64 = pieces.clone().map(|piece| piece.end - piece.start).sum();
        let longest = self.chunk(points, copying.slab().iter().product(), self.field(copying.copy.table.field).1);
        pieces.flat_map(|piece| cut(piece, longest)).collect()
    }

    /// How many of some rows one core should do at once.
    fn chunk(&self, rows: i64, slab: i64, element: usize) -> i64 {
        let bytes = rows as u64 * (8 + 2 * slab as u64 * element as u64);
        let elements = rows.max(1) as u64 * slab.max(1) as u64;
        let chunks = self.common.mapper.chunks(elements, 6.0 * elements as f64, bytes, &self.common.machine);
        div_ceil(rows, i64::from(chunks.max(1))).max(1)
    }

    /// Uses of a node that reads or writes the shard's points of operands of the list.
    fn record_list(&mut self, uses: &mut Uses, copying: &Copying<'_>, operands: &[usize]) {
        for &k in operands {
            let operand = &copying.plan.list.operands[k];
            let Some(instance) = &copying.instances[k] else { continue };
            for point in &copying.plan.launch.points {
                self.graph.record(uses, instance, &point.images[k], usage(operand, &point.rect));
            }
        }
    }

    fn record_table(&mut self, uses: &mut Uses, copying: &Copying<'_>, usage: Usage) {
        if let Some(table) = &copying.table {
            self.graph.record(uses, &table.instance, &table.image, usage);
        }
    }

    /// Submits a node whose work can be made if all its operands are in memory; else it is poisoned by what it has recorded.
    fn submit_if(&mut self, uses: Uses, work: Option<Box<dyn Work>>, name: Name) -> Arc<Node> {
        let lost = || Box::new(Action::new(name, 0, || Ok(()))) as Box<dyn Work>;
        self.graph.submit(uses, work.unwrap_or_else(lost))
    }

    /// Sorts the shard's points by who has their rows. `values`: whether the values go along.
    /// Returns the node after which the messages are there, and them, if the operands are in memory.
    fn sort(&mut self, copying: &Copying<'_>, values: bool) -> (Arc<Node>, Sorted) {
        let name = copying.name();
        let list = copying.list();
        let along = if values { copying.values() } else { None };
        let sorting = list.filter(|_| !values || along.is_some());
        let pool = self.graph.pool().clone();
        let sorting = sorting.map(|list| Sorting::new(list, along, pool, name.clone()));
        let mut uses = self.graph.uses();
        self.record_list(&mut uses, copying, &[INDEX]);
        let count = sorting.clone().map(|sorting| Box::new(Count(sorting)) as Box<dyn Work>);
        let counted = self.submit_if(uses, count, name.clone());
        let mut uses = self.graph.uses();
        uses.after(&counted);
        self.record_list(&mut uses, copying, if values { &[INDEX, VALUES] } else { &[INDEX] });
        let fill = sorting.clone().map(|sorting| Box::new(Fill(sorting)) as Box<dyn Work>);
        (self.submit_if(uses, fill, name), sorting)
    }

    /// Sends each other owner the message that was made for it.
    fn tell_owners(&mut self, copying: &Copying<'_>, sorted: &Arc<Node>, sorting: Option<&Arc<Sorting>>, bytes: usize) {
        for owner in &copying.plan.exchange.owners {
            let mut uses = self.graph.uses();
            uses.after(sorted);
            let sorting = sorting.cloned();
            let place = copying.rows.place_of(*owner).expect("an owner has a place");
            self.graph.send_made(uses, copying.message(), *owner, bytes, move || {
                Ok(sorting.as_ref().expect("without memory a node is poisoned").take(place))
            });
        }
    }

    /// A node that awaits a message, and the message.
    fn await_message(&mut self, copying: &Copying<'_>, from: ShardId, bytes: usize) -> (Arc<Node>, Incoming) {
        let (uses, incoming) = (self.graph.uses(), Incoming::default());
        let place = incoming.clone();
        let node = self.graph.receive(uses, copying.message(), from, Length::About(bytes), move |message| {
            place.put(message);
            Ok(())
        });
        (node, incoming)
    }

    fn gather_rows(&mut self, copying: &Copying<'_>) {
        let exchange = &copying.plan.exchange;
        let here = copying.rows.place_of(self.me);
        let tells = !exchange.asks && !exchange.clients.is_empty();
        let sorted = (tells || !exchange.owners.is_empty()).then(|| self.sort(copying, false));
        let numbers = Format::numbers(copying.rows.count());
        let slab = copying.slab().iter().product::<i64>() as usize * self.field(copying.copy.table.field).1;
        if let Some((node, sorting)) = sorted.as_ref().filter(|_| exchange.asks) {
            self.tell_owners(copying, node, sorting.as_ref(), numbers.bytes(copying.share()));
        }
        for client in &exchange.clients {
            let own = if exchange.asks { None } else { sorted.as_ref() };
            self.serve(copying, *client, own, (numbers, slab));
        }
        if copying.spans.is_empty() {
            return;
        }
        let mut done = self.graph.uses();
        let mut replies: Vec<Option<Incoming>> = vec![None; copying.rows.owners().len()];
        for owner in &exchange.owners {
            let (node, reply) = self.await_message(copying, *owner, copying.share() * slab);
            done.after(&node);
            replies[copying.rows.place_of(*owner).expect("an owner has a place")] = Some(reply);
        }
        let others = sorted.map(|(node, sorting)| {
            done.after(&node);
            (sorting, replies)
        });
        self.record_list(&mut done, copying, &[INDEX]);
        self.record_table(&mut done, copying, Usage::Read);
        self.record_list(&mut done, copying, &[VALUES]);
        self.submit_if(done, copying.placing(here, others), copying.name());
    }

    /// Sends a client the rows that it asks for, or those that this shard has sorted out for all.
    fn serve(
        &mut self,
        copying: &Copying<'_>,
        client: ShardId,
        sorted: Option<&(Arc<Node>, Sorted)>,
        (numbers, slab): (Format, usize),
    ) {
        let asked = match sorted {
            None => Some(self.await_message(copying, client, numbers.bytes(copying.share()))),
            Some(_) => None,
        };
        let mut uses = self.graph.uses();
        uses.after(asked.as_ref().map_or_else(|| &sorted.expect("one of the two").0, |(node, _)| node));
        self.record_table(&mut uses, copying, Usage::Read);
        let sorting = sorted.and_then(|(_, sorting)| sorting.clone());
        let here = copying.rows.place_of(self.me).expect("who serves has rows");
        let (table, pool, by) = (copying.table(), self.graph.pool().clone(), copying.copy.provenance.clone());
        let request = asked.map(|(_, incoming)| incoming);
        self.graph.send_made(uses, copying.message(), client, copying.share() * slab, move || {
            let table = table.as_ref().expect("without memory a node is poisoned");
            let own = || sorting.as_ref().expect("without memory a node is poisoned").message(here);
            let request = request.as_ref().map_or_else(own, Incoming::get);
            serve(&request, numbers, table, &pool, &by)
        });
    }

    fn scatter_rows(&mut self, copying: &Copying<'_>) {
        let exchange = &copying.plan.exchange;
        let here = copying.rows.place_of(self.me);
        let slab = copying.slab().iter().product::<i64>() as usize * self.field(copying.copy.table.field).1;
        let format = Format::numbers(copying.rows.count()).with_slabs(slab);
        let bytes = format.bytes(copying.share());
        let mut own = None;
        if !exchange.owners.is_empty() {
            let (node, sorting) = self.sort(copying, true);
            self.tell_owners(copying, &node, sorting.as_ref(), bytes);
            own = Some((node, sorting));
        }
        let Some(table) = &copying.table else { return };
        let mut done = self.graph.uses();
        let (mut before, mut after) = (Vec::new(), Vec::new());
        let own = own.map(|(node, sorting)| {
            done.after(&node);
            sorting
        });
        for client in &exchange.clients {
            let (node, incoming) = self.await_message(copying, *client, bytes);
            done.after(&node);
            if *client < self.me { before.push(incoming) } else { after.push(incoming) }
        }
        self.record_list(&mut done, copying, &[INDEX, VALUES]);
        self.record_table(&mut done, copying, Usage::ReadWrite);
        let rows = table.rows.clone();
        // Each chunk looks at all that came: no more of them than what is written is worth.
        let points = copying.points_here().max(1) as i64;
        let chunks = div_ceil(points, self.chunk(points, slab as i64, 1));
        // With few of them each point is a toss-up for a branch: one is as fast.
        let chunks = if chunks < 4 { 1 } else { chunks };
        let spans = cut(rows.clone(), div_ceil(rows.end - rows.start, chunks)).collect();
        let work = copying.applying(here, spans, format, (before, own, after));
        self.submit_if(done, work, copying.name());
    }
}

/// A range in parts of at most so many.
fn cut(range: Range<i64>, longest: i64) -> impl Iterator<Item = Range<i64>> {
    let starts = (range.start..range.end).step_by(longest.max(1) as usize);
    starts.map(move |start| start..(start + longest.max(1)).min(range.end))
}
