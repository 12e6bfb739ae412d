//! What the platform offers and no crate wraps, called by name.

use wasm_bindgen::{JsCast, JsValue};
use worker::js_sys::{Array, Function, Object, Promise, Reflect, Uint8Array};
use worker::wasm_bindgen;
use worker::wasm_bindgen_futures::JsFuture;

/// Calls the method `name` of `target`.
///
/// # Errors
/// What it throws.
pub fn call(target: &JsValue, name: &str, arguments: &[JsValue]) -> Result<JsValue, JsValue> {
    let method: Function = Reflect::get(target, &name.into())?.dyn_into()?;
    let list: Array = arguments.iter().collect();
    Reflect::apply(&method, target, &list)
}

/// Calls the method `name` of `target`, which gives a promise, and awaits it.
///
/// # Errors
/// What it throws or rejects with.
pub async fn call_async(target: &JsValue, name: &str, arguments: &[JsValue]) -> Result<JsValue, JsValue> {
    let promise: Promise = call(target, name, arguments)?.dyn_into()?;
    JsFuture::from(promise).await
}

/// An object with these members.
///
/// # Errors
/// None that a plain object can raise.
pub fn object(members: &[(&str, JsValue)]) -> Result<JsValue, JsValue> {
    let object = Object::new();
    for (name, value) in members {
        Reflect::set(&object, &JsValue::from_str(name), value)?;
    }
    Ok(object.into())
}

/// A copy of `bytes` that JavaScript can read.
pub fn bytes(bytes: &[u8]) -> JsValue {
    Uint8Array::from(bytes).into()
}

/// The text of a JavaScript error.
pub fn text(error: &JsValue) -> String {
    error
        .as_string()
        .or_else(|| error.dyn_ref::<worker::js_sys::Error>().map(|e| String::from(e.to_string())))
        .unwrap_or_else(|| format!("{error:?}"))
}
