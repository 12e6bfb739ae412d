//! Bindings of platform functions that crates do not wrap, or only with needless copies.

use std::cell::RefCell;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use worker::js_sys::{Array, ArrayBuffer, Object, Promise, Reflect, Uint8Array};
use worker::wasm_bindgen;
use worker::wasm_bindgen_futures::JsFuture;
use worker::web_sys::RequestInit;

#[wasm_bindgen]
extern "C" {
    /// WebCrypto's `SubtleCrypto`; its methods copy their input before they return (W3C Web Cryptography §14.3).
    #[derive(Clone)]
    pub type SubtleCrypto;

    /// The instance of this isolate.
    #[wasm_bindgen(thread_local_v2, js_namespace = crypto, js_name = subtle)]
    pub static SUBTLE: SubtleCrypto;

    /// `importKey`.
    #[wasm_bindgen(method, catch, js_name = importKey)]
    pub fn import_key(
        this: &SubtleCrypto,
        format: &str,
        key: &[u8],
        parameters: &JsValue,
        extractable: bool,
        usages: &Array,
    ) -> Result<Promise, JsValue>;

    /// `generateKey`.
    #[wasm_bindgen(method, catch, js_name = generateKey)]
    pub fn generate_key(
        this: &SubtleCrypto,
        parameters: &JsValue,
        extractable: bool,
        usages: &Array,
    ) -> Result<Promise, JsValue>;

    /// `exportKey`.
    #[wasm_bindgen(method, catch, js_name = exportKey)]
    pub fn export_key(this: &SubtleCrypto, format: &str, key: &JsValue) -> Result<Promise, JsValue>;

    /// `deriveBits`.
    #[wasm_bindgen(method, catch, js_name = deriveBits)]
    pub fn derive_bits(this: &SubtleCrypto, parameters: &JsValue, key: &JsValue, bits: u32)
    -> Result<Promise, JsValue>;

    /// `verify`.
    #[wasm_bindgen(method, catch)]
    pub fn verify(
        this: &SubtleCrypto,
        parameters: &JsValue,
        key: &JsValue,
        signature: &[u8],
        message: &[u8],
    ) -> Result<Promise, JsValue>;

    /// `sign`.
    #[wasm_bindgen(method, catch)]
    pub fn sign(this: &SubtleCrypto, parameters: &JsValue, key: &JsValue, message: &[u8]) -> Result<Promise, JsValue>;

    /// A stub of a Durable Object, or of another Worker.
    pub type Fetcher;

    /// `fetch`.
    #[wasm_bindgen(method, catch)]
    pub fn fetch(this: &Fetcher, url: &str, init: &RequestInit) -> Result<Promise, JsValue>;

    /// A binding for e-mails.
    pub type Mailer;

    /// `send`.
    #[wasm_bindgen(method, catch)]
    pub fn send(this: &Mailer, message: &JsValue) -> Result<JsValue, JsValue>;

    /// A namespace of Durable Objects.
    pub type Namespace;

    /// `jurisdiction`.
    #[wasm_bindgen(method, catch)]
    pub fn jurisdiction(this: &Namespace, name: &str) -> Result<JsValue, JsValue>;

    /// The storage of a Durable Object.
    #[derive(Clone)]
    pub type Storage;

    /// `transactionSync`.
    #[wasm_bindgen(method, catch, js_name = transactionSync)]
    pub fn transaction_sync(this: &Storage, act: &JsValue) -> Result<JsValue, JsValue>;

    /// `setAlarm`, in milliseconds.
    #[wasm_bindgen(method, catch, js_name = setAlarm)]
    pub fn set_alarm(this: &Storage, at: f64) -> Result<Promise, JsValue>;

    /// `deleteAlarm`.
    #[wasm_bindgen(method, catch, js_name = deleteAlarm)]
    pub fn delete_alarm(this: &Storage) -> Result<Promise, JsValue>;

    /// `deleteAll`.
    #[wasm_bindgen(method, catch, js_name = deleteAll)]
    pub fn delete_all(this: &Storage) -> Result<Promise, JsValue>;

    /// `getCurrentBookmark`.
    #[wasm_bindgen(method, catch, js_name = getCurrentBookmark)]
    pub fn current_bookmark(this: &Storage) -> Result<Promise, JsValue>;

    /// `getBookmarkForTime`, in milliseconds.
    #[wasm_bindgen(method, catch, js_name = getBookmarkForTime)]
    pub fn bookmark_for_time(this: &Storage, at: f64) -> Result<Promise, JsValue>;

    /// `onNextSessionRestoreBookmark`.
    #[wasm_bindgen(method, catch, js_name = onNextSessionRestoreBookmark)]
    pub fn restore_bookmark(this: &Storage, bookmark: &str) -> Result<Promise, JsValue>;

    /// `queueMicrotask` of the global scope.
    #[wasm_bindgen(catch, js_name = queueMicrotask)]
    pub fn queue_microtask(act: &JsValue) -> Result<(), JsValue>;

    /// `fetch` of the global scope.
    #[wasm_bindgen(catch, js_name = fetch)]
    fn fetch_anywhere(url: &str, init: &RequestInit) -> Result<Promise, JsValue>;
}

#[wasm_bindgen(module = "cloudflare:workers")]
extern "C" {
    /// The bindings, where no request has them yet.
    #[wasm_bindgen(thread_local_v2, js_name = env)]
    pub static ENV: JsValue;
}

thread_local! {
    /// A URL with the service binding that reaches it.
    static SERVICE: RefCell<Option<(String, Fetcher)>> = const { RefCell::new(None) };
}

/// Routes [`global_fetch`] of this URL through a binding.
///
/// The binding may reach networks that the isolate's own `fetch` must not.
pub fn reach_by(url: &str, service: Fetcher) {
    SERVICE.set(Some((url.to_owned(), service)));
}

/// Calls `fetch` of the global scope, or of the binding of exactly this URL.
///
/// # Errors
/// The exception that it throws.
pub fn global_fetch(url: &str, init: &RequestInit) -> Result<Promise, JsValue> {
    SERVICE.with_borrow(|service| match service {
        Some((bound, service)) if bound == url => service.fetch(url, init),
        _ => fetch_anywhere(url, init),
    })
}

/// Creates an object with these members.
///
/// # Errors
/// A plain object raises none.
pub fn object(members: &[(&str, JsValue)]) -> Result<JsValue, JsValue> {
    let object = Object::new();
    for (name, value) in members {
        Reflect::set(&object, &JsValue::from_str(name), value)?;
    }
    Ok(object.into())
}

/// Gets a member; undefined if it is absent or the value is not an object.
pub fn member(of: &JsValue, name: &str) -> JsValue {
    Reflect::get(of, &JsValue::from_str(name)).unwrap_or(JsValue::UNDEFINED)
}

/// Whether WebCrypto has ML-DSA: the compatibility flag `webcrypto_modern_algorithms`.
pub fn has_modern_algorithms() -> bool {
    // The same flag adds this method.
    SUBTLE.with(|subtle| member(subtle, "getPublicKey").is_function())
}

/// Whether a value is a `CryptoKey`.
pub fn is_crypto_key(value: &JsValue) -> bool {
    member(&member(value, "constructor"), "name").as_string().as_deref() == Some("CryptoKey")
}

/// Copies bytes into a `Uint8Array`.
pub fn bytes(bytes: &[u8]) -> JsValue {
    Uint8Array::from(bytes).into()
}

/// The start of the platform's opaque errors; its reference number follows.
const OPAQUE_ERROR: &str = "internal error; reference =";

/// Gives the text of a JavaScript error.
///
/// Texts go into problems, so the reference of an opaque error goes to the log instead.
pub fn text(error: &JsValue) -> String {
    let text = error
        .as_string()
        .or_else(|| error.dyn_ref::<worker::js_sys::Error>().map(|e| String::from(e.to_string())))
        .unwrap_or_else(|| "a value other than an Error was thrown".to_owned());
    if text.contains(OPAQUE_ERROR) {
        worker::console_error!("the platform: {text}");
        return "the platform gives no reason".to_owned();
    }
    text
}

/// Awaits a promise of the platform.
///
/// # Errors
/// The exception or rejection.
pub async fn answer(asked: Result<Promise, JsValue>) -> Result<JsValue, JsValue> {
    JsFuture::from(asked?).await
}

/// Awaits a promise of an `ArrayBuffer` and copies its bytes.
///
/// # Errors
/// As [`answer`].
pub async fn buffer(asked: Result<Promise, JsValue>) -> Result<Vec<u8>, JsValue> {
    let buffer: ArrayBuffer = answer(asked).await?.dyn_into()?;
    Ok(Uint8Array::new(&buffer).to_vec())
}
