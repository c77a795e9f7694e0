//! From text to operations.

use super::print::is_plain;
use crate::error::{Error, Provenance, Result};
use crate::exec::HostBuffer;
use crate::geometry::{Point, Rect};
use crate::id::{FieldId, OpId};
use crate::operation::{
    Attach, Create, Cut, Direction, Fetch, Indirect, Launch, Operand, Operation, Privilege, Registry, Reshape,
};
use crate::store::{Access, Coordinate, Store};
use smallvec::SmallVec;
use std::sync::Arc;

/// Reads operations, a line each. Empty lines and what follows `//` are skipped. An operation without a number gets the next one.
///
/// # Errors
/// [`Error::Decode`] with the line and what was expected there.
pub fn parse(text: &str, registry: &Registry) -> Result<Vec<Operation>> {
    let mut operations = Vec::new();
    let mut next = 1;
    for (k, line) in text.lines().enumerate() {
        let mut cursor = Cursor { rest: line, registry, next };
        if cursor.end().is_ok() {
            continue;
        }
        let operation = cursor.operation().and_then(|operation| cursor.end().map(|()| operation));
        operations.push(operation.map_err(|e| match e {
            Error::Decode(why) => Error::Decode(format!("line {}: {why}, found '{}'", k + 1, cursor.rest.trim())),
            other => other,
        })?);
        next = cursor.next;
    }
    Ok(operations)
}

struct Cursor<'a> {
    rest: &'a str,
    registry: &'a Registry,
    /// Number of an operation that does not say its own.
    next: u64,
}

fn expected<T>(what: &str) -> Result<T> {
    Err(Error::Decode(format!("expected {what}")))
}

impl<'a> Cursor<'a> {
    fn eat(&mut self, token: &str) -> bool {
        self.rest = self.rest.trim_start();
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }
    fn expect(&mut self, token: &str) -> Result<()> {
        if self.eat(token) { Ok(()) } else { expected(&format!("'{token}'")) }
    }
    fn end(&mut self) -> Result<()> {
        let rest = self.rest.trim_start();
        if rest.is_empty() || rest.starts_with("//") { Ok(()) } else { expected("the end of the line") }
    }
    fn take_while(&mut self, accept: impl Fn(char) -> bool) -> &'a str {
        self.rest = self.rest.trim_start();
        let end = self.rest.find(|c| !accept(c)).unwrap_or(self.rest.len());
        let (token, rest) = self.rest.split_at(end);
        self.rest = rest;
        token
    }
    /// A bare word or a quoted string.
    fn name(&mut self) -> Result<String> {
        if !self.eat("\"") {
            let word = self.take_while(is_plain);
            return if word.is_empty() { expected("a name") } else { Ok(word.into()) };
        }
        let mut name = String::new();
        let mut chars = self.rest.char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    self.rest = &self.rest[at + 1..];
                    return Ok(name);
                }
                '\\' => match chars.next() {
                    Some((_, 'n')) => name.push('\n'),
                    Some((_, 't')) => name.push('\t'),
                    Some((_, c)) => name.push(c),
                    None => break,
                },
                c => name.push(c),
            }
        }
        expected("a closing quote")
    }
    fn number<T: std::str::FromStr>(&mut self) -> Result<T> {
        let before = self.rest;
        let minus = self.eat("-");
        let digits = self.take_while(|c| c.is_ascii_digit());
        let text = if minus { format!("-{digits}") } else { digits.to_owned() };
        text.parse().or_else(|_| {
            self.rest = before;
            expected("a number")
        })
    }
    fn field(&mut self) -> Result<FieldId> {
        self.expect("f")?;
        self.number().map(FieldId)
    }
    fn list<T>(&mut self, mut item: impl FnMut(&mut Self) -> Result<T>) -> Result<Vec<T>> {
        self.expect("[")?;
        let mut items = Vec::new();
        while !self.eat("]") {
            if !items.is_empty() {
                self.expect(",")?;
            }
            items.push(item(self)?);
        }
        Ok(items)
    }
    fn shape(&mut self) -> Result<Point> {
        self.list(Cursor::number).map(Point::from_vec)
    }
    fn hex(&mut self) -> Result<Vec<u8>> {
        if self.eat("-") {
            return Ok(Vec::new());
        }
        let digits = self.take_while(|c| c.is_ascii_hexdigit());
        let pair = |k: usize| u8::from_str_radix(digits.get(k..k + 2)?, 16).ok();
        let bytes: Option<Vec<u8>> = (0..digits.len()).step_by(2).map(pair).collect();
        bytes.filter(|bytes| !bytes.is_empty()).map_or_else(|| expected("hexadecimal bytes"), Ok)
    }

    fn operation(&mut self) -> Result<Operation> {
        if self.eat("create ") {
            return self.create();
        }
        let mut id = self.next;
        if self.eat("op") {
            id = self.number()?;
        }
        self.next = id + 1;
        let id = OpId(id);
        let kind = self.take_while(|c| c.is_ascii_alphabetic());
        let mut operation = match kind {
            "attach" => {
                let (field, bytes) = (self.field()?, Arc::new(HostBuffer::from_slice(&self.hex()?)));
                Operation::Attach(Attach { id, field, bytes, provenance: Provenance::default() })
            }
            "launch" => Operation::Launch(self.launch(id)?),
            "reshape" => {
                let dst = self.field()?;
                self.expect("=")?;
                let src = self.field()?;
                Operation::Reshape(Reshape { id, src, dst, provenance: Provenance::default() })
            }
            "fetch" => Operation::Fetch(Fetch { id, src: self.store()?, provenance: Provenance::default() }),
            "gather" => Operation::Indirect(self.indirect(id, Direction::Gather)?),
            "scatter" => Operation::Indirect(self.indirect(id, Direction::Scatter)?),
            "fence" => Operation::Fence(id),
            _ => return expected("an operation"),
        };
        if self.eat("@") {
            let file = self.name()?.into();
            self.expect(":")?;
            let found = Provenance { file, line: self.number()? };
            match &mut operation {
                Operation::Attach(Attach { provenance, .. })
                | Operation::Launch(Launch { provenance, .. })
                | Operation::Reshape(Reshape { provenance, .. })
                | Operation::Indirect(Indirect { provenance, .. })
                | Operation::Fetch(Fetch { provenance, .. }) => *provenance = found,
                Operation::Create(_) | Operation::Fence(_) => return expected("no line here"),
            }
        }
        Ok(operation)
    }
    fn create(&mut self) -> Result<Operation> {
        let field = self.field()?;
        let bounds = Rect::from_shape(&self.shape()?);
        let size = if self.eat("size") { self.number()? } else { 8 };
        let align = if self.eat("align") { self.number()? } else { size };
        Ok(Operation::Create(Create { field, bounds, size, align }))
    }
    fn store(&mut self) -> Result<Store> {
        let (field, coords) = (self.field()?, self.list(Cursor::coordinate)?);
        let shape = self.shape()?;
        let access = Access { domain_rank: shape.len() as u8, coords: coords.into() };
        Ok(Store { field, shape, access })
    }
    fn indirect(&mut self, id: OpId, direction: Direction) -> Result<Indirect> {
        let to = self.store()?;
        self.expect("=")?;
        let from = self.store()?;
        self.expect("at")?;
        let index = self.store()?;
        let (table, values) = match direction {
            Direction::Gather => (from, to),
            Direction::Scatter => (to, from),
        };
        Ok(Indirect { id, direction, table, index, values, provenance: Provenance::default() })
    }
    fn launch(&mut self, id: OpId) -> Result<Launch> {
        let name = self.name()?;
        let Some(task) = self.registry.find_task(&name) else {
            return expected(&format!("a task other than '{name}'"));
        };
        let shape = self.shape()?;
        let cuts = if self.eat("cuts") { self.list(Cursor::cut)? } else { vec![Cut::Free; shape.len()] };
        let mut operands = SmallVec::new();
        self.expect("{")?;
        while !self.eat("}") {
            if !operands.is_empty() {
                self.expect(",")?;
            }
            operands.push(self.operand(shape.len())?);
        }
        let args = if self.eat("args") { self.hex()? } else { Vec::new() };
        Ok(Launch {
            id,
            task,
            args: self.registry.task(task).decode(&args)?,
            domain: Rect::from_shape(&shape),
            operands,
            cuts: cuts.into(),
            provenance: Provenance::default(),
        })
    }
    fn operand(&mut self, domain_rank: usize) -> Result<Operand> {
        let privilege = match self.take_while(|c| c.is_ascii_alphabetic()) {
            "read" => Privilege::ReadOnly,
            "write" => Privilege::WriteDiscard,
            "update" => Privilege::ReadWrite,
            "fold" => {
                let name = self.parenthesised(Cursor::name)?;
                match self.registry.find_reduction(&name) {
                    Some(reduction) => Privilege::Reduce(reduction),
                    None => return expected(&format!("a reduction other than '{name}'")),
                }
            }
            _ => return expected("read, write, update or fold"),
        };
        let (field, coords) = (self.field()?, self.list(Cursor::coordinate)?);
        Ok(Operand { field, access: Access { domain_rank: domain_rank as u8, coords: coords.into() }, privilege })
    }
    fn parenthesised<T>(&mut self, item: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.expect("(")?;
        let found = item(self)?;
        self.expect(")")?;
        Ok(found)
    }
    fn cut(&mut self) -> Result<Cut> {
        Ok(match self.take_while(|c| c.is_ascii_alphabetic()) {
            "free" => Cut::Free,
            "never" => Cut::Never,
            "granule" => Cut::Granule(self.parenthesised(Cursor::number)?),
            "tree" => Cut::Tree { granule: self.parenthesised(Cursor::number)? },
            _ => return expected("free, never, granule or tree"),
        })
    }
    /// `[sign] [stride *] dN` or a constant, any number of them.
    fn coordinate(&mut self) -> Result<Coordinate> {
        let (mut offset, mut terms) = (0, Vec::new());
        let mut sign = if self.eat("-") { -1 } else { 1 };
        loop {
            if self.eat("d") {
                terms.push((sign, self.number()?));
            } else {
                let scale: i64 = self.number()?;
                if self.eat("*") {
                    self.expect("d")?;
                    terms.push((sign * scale, self.number()?));
                } else {
                    offset += sign * scale;
                }
            }
            sign = if self.eat("+") {
                1
            } else if self.eat("-") {
                -1
            } else {
                return Ok(Coordinate::sum(offset, &terms));
            };
        }
    }
}
