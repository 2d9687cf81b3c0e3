//! Forms with a file, as browsers and the detection-rules command line send them.

use multer::{Multipart, parse_boundary};

use crate::answer::ApiError;

/// The name and the text of the file in a form: of the part that is called `file`.
pub(crate) async fn file(content_type: &str, bytes: Vec<u8>) -> Result<(String, String), ApiError> {
    let broken = |error: multer::Error| ApiError::bad(format!("the form cannot be read: {error}"));
    let boundary = parse_boundary(content_type)
        .map_err(|_| ApiError::bad("the body must be a form (`multipart/form-data`) with a part `file`"))?;
    let mut form = Multipart::with_reader(&*bytes, boundary);
    while let Some(part) = form.next_field().await.map_err(broken)? {
        if part.name() != Some("file") {
            continue;
        }
        let name = part.file_name().unwrap_or_default().to_owned();
        let content = part.bytes().await.map_err(broken)?;
        let text = String::from_utf8(content.to_vec()).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            ApiError::bad(format!("the file is not UTF-8: byte {at} begins no character"))
        })?;
        return Ok((name, text));
    }
    Err(ApiError::bad("the form has no part `file`"))
}
