//! As little HTTP as it takes to keep a connection busy: the driver must not be what is measured.

use hmac::{Hmac, Mac};
use sha2::Sha256;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Signs and checks everything here.
pub(crate) const SECRET: &str = "bench-secret-bench-secret-bench-secret";
/// The API key that goes with it.
pub(crate) const KEY: &str = "bench";

/// A keep-alive connection.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub(crate) async fn open(address: &str) -> anyhow::Result<Connection> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Connection { stream, buffer: Vec::with_capacity(8192) })
    }

    /// Posts a body; status and body of the answer.
    pub(crate) async fn post(
        &mut self,
        path: &str,
        header: &str,
        body: &[u8],
    ) -> anyhow::Result<(u16, Vec<u8>)> {
        let mut request = Vec::with_capacity(512 + body.len());
        request.extend_from_slice(
            format!(
                "POST {path} HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n{header}\r\n\
                 content-length: {}\r\n\r\n",
                body.len()
            )
            .as_bytes(),
        );
        request.extend_from_slice(body);
        self.stream.write_all(&request).await?;
        self.read().await
    }

    /// Gets something; status and body of the answer.
    pub(crate) async fn get(&mut self, path: &str, header: &str) -> anyhow::Result<(u16, Vec<u8>)> {
        self.stream
            .write_all(format!("GET {path} HTTP/1.1\r\nhost: bench\r\n{header}\r\n\r\n").as_bytes())
            .await?;
        self.read().await
    }

    /// Gets something that comes in chunks, and hands over each; fails where it breaks off.
    pub(crate) async fn stream(
        &mut self,
        path: &str,
        header: &str,
        mut each: impl FnMut(&[u8]),
    ) -> anyhow::Result<u16> {
        self.stream
            .write_all(format!("GET {path} HTTP/1.1\r\nhost: bench\r\n{header}\r\n\r\n").as_bytes())
            .await?;
        let head = self.head().await?;
        let status = std::str::from_utf8(&self.buffer[..head])?.get(9..12).unwrap_or_default().parse()?;
        let mut at = head + 4;
        loop {
            let line = loop {
                let line = self.buffer[at..].windows(2).position(|two| two == b"\r\n");
                match line {
                    Some(length) => break length,
                    None => self.more(&mut at).await?,
                }
            };
            let size = usize::from_str_radix(std::str::from_utf8(&self.buffer[at..at + line])?, 16)?;
            at += line + 2;
            let mut left = size;
            while left > 0 {
                if at == self.buffer.len() {
                    self.more(&mut at).await?;
                }
                let some = left.min(self.buffer.len() - at);
                each(&self.buffer[at..at + some]);
                (at, left) = (at + some, left - some);
            }
            while self.buffer.len() < at + 2 {
                self.more(&mut at).await?;
            }
            at += 2;
            if size == 0 {
                return Ok(status);
            }
        }
    }

    /// Reads on, and forgets what is before `at`.
    async fn more(&mut self, at: &mut usize) -> anyhow::Result<()> {
        self.buffer.drain(..*at);
        *at = 0;
        self.buffer.reserve(256 * 1024);
        anyhow::ensure!(
            self.stream.read_buf(&mut self.buffer).await? > 0,
            "the server closed the connection"
        );
        Ok(())
    }

    /// Reads up to the end of a head; where that is.
    async fn head(&mut self) -> anyhow::Result<usize> {
        self.buffer.clear();
        loop {
            if let Some(at) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                return Ok(at);
            }
            anyhow::ensure!(
                self.stream.read_buf(&mut self.buffer).await? > 0,
                "the server closed the connection"
            );
        }
    }

    async fn read(&mut self) -> anyhow::Result<(u16, Vec<u8>)> {
        let head = self.head().await?;
        let text = std::str::from_utf8(&self.buffer[..head])?;
        let status: u16 = text.get(9..12).unwrap_or_default().parse()?;
        let length = text.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
        });
        let end = head + 4 + length.unwrap_or(0);
        while self.buffer.len() < end {
            anyhow::ensure!(
                self.stream.read_buf(&mut self.buffer).await? > 0,
                "the server closed the connection"
            );
        }
        Ok((status, self.buffer[head + 4..end].to_vec()))
    }
}

/// The header of the contract's signature.
pub(crate) fn hmac_header(body: &[u8]) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes());
    let code = mac.map(|mac| hex::encode(mac.chain_update(body).finalize().into_bytes())).unwrap_or_default();
    format!("x-livekit-signature: sha256={code}")
}
