//! A resolver for tests: DNS over HTTPS with a behavior for each name.

use crate::common::listening::Listening;
use hickory_proto::op::{Message, OpCode};
use hickory_proto::rr::rdata::{A, AAAA};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::thread;

/// A question that was asked, and the connection on which it waits for its answer.
pub struct Asked {
    pub stream: TcpStream,
    /// Without the dot at its end.
    pub name: String,
    query: Message,
}

impl Asked {
    /// The answer in wire format: these addresses.
    pub fn answer(&self, addresses: &[IpAddr]) -> Vec<u8> {
        let question = self.query.queries.first().unwrap().clone();
        let mut answer = Message::response(self.query.metadata.id, OpCode::Query);
        let owner = Name::from_ascii(format!("{}.", self.name)).unwrap();
        for address in addresses {
            let data = match (address, question.query_type()) {
                (IpAddr::V4(v4), RecordType::A) => RData::A(A(*v4)),
                (IpAddr::V6(v6), RecordType::AAAA) => RData::AAAA(AAAA(*v6)),
                _ => continue,
            };
            answer.add_answer(Record::from_rdata(owner.clone(), 60, data));
        }
        answer.add_query(question);
        answer.to_vec().unwrap()
    }

    /// A whole response with this message.
    pub fn response(&self, message: &[u8]) -> Vec<u8> {
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/dns-message\r\nConnection: close\r\n";
        [format!("{head}Content-Length: {}\r\n\r\n", message.len()).as_bytes(), message].concat()
    }

    /// Answers with these addresses, or with this machine's if empty.
    pub fn tell(mut self, addresses: &[IpAddr]) {
        let local = [IpAddr::V4(Ipv4Addr::LOCALHOST)];
        let message = self.answer(if addresses.is_empty() { &local } else { addresses });
        let response = self.response(&message);
        // Whoever does not wait any more is the test's to notice.
        let _ = self.stream.write_all(&response);
    }
}

/// Has `answer` called for each question, each on a thread of its own.
pub fn start(port: u16, answer: impl Fn(Asked) + Clone + Send + 'static) -> Listening {
    Listening::at(SocketAddr::from(([127, 0, 0, 1], port)), move |stream| {
        let answer = answer.clone();
        thread::spawn(move || read(stream).into_iter().for_each(answer));
    })
}

fn read(mut stream: TcpStream) -> Option<Asked> {
    let (mut all, mut chunk) = (Vec::new(), [0; 4096]);
    loop {
        let end = all.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4);
        if let Some(end) = end {
            let head = String::from_utf8_lossy(&all[..end]).to_ascii_lowercase();
            let length = head.split("content-length:").nth(1)?.lines().next()?.trim().parse::<usize>().ok()?;
            if all.len() >= end + length {
                let query = Message::from_vec(&all[end..end + length]).ok()?;
                let name = query.queries.first()?.name().to_ascii();
                let name = name.trim_end_matches('.').to_ascii_lowercase();
                return Some(Asked { stream, name, query });
            }
        }
        match stream.read(&mut chunk).ok()? {
            0 => return None,
            read => all.extend_from_slice(&chunk[..read]),
        }
    }
}
