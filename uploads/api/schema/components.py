"""The shapes of the interface as JSON Schema (2020-12, which OpenAPI 3.1 speaks): one entry a shape.

What a shape may carry is written out and closed, so that the test which holds answers against it sees an
addition that nobody described.
"""

from __future__ import annotations

from typing import Any

from processing.imaging import recipes
from processing.models import IMAGE_STATUSES, Job, Status

Shape = dict[str, Any]

UUID: Shape = {"type": "string", "format": "uuid"}
TIME: Shape = {"type": "string", "format": "date-time", "examples": ["2026-11-20T22:39:41.123Z"]}
CHECKSUM: Shape = {"type": "string", "pattern": "^sha256:[0-9a-f]{64}$"}
COUNT: Shape = {"type": "integer", "minimum": 0}
PIXELS: Shape = {"type": "integer", "minimum": 1}
TEXT: Shape = {"type": "string"}
SHARE: Shape = {"type": "number", "minimum": 0, "maximum": 1}
ADDRESS: Shape = {"type": "string", "format": "uri-reference"}


def ref(name: str) -> Shape:
    return {"$ref": f"#/components/schemas/{name}"}


def nullable(shape: Shape) -> Shape:
    return {"oneOf": [shape, {"type": "null"}]}


def array(items: Shape, **more: Any) -> Shape:
    return {"type": "array", "items": items, **more}


def record(properties: dict[str, Shape], *, optional: tuple[str, ...] = (), description: str = "") -> Shape:
    """An object with exactly these members; all of them are there, but for the optional ones."""
    required = [name for name in properties if name not in optional]
    shape = {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }
    return {**shape, "description": description} if description else shape


def page_of(items: str) -> Shape:
    link = {"type": ["string", "null"], "format": "uri", "description": "Follow it as it is."}
    return record({"next": link, "previous": link, "results": array(ref(items))})


_UPLOADED = {
    "index": {**COUNT, "description": "Its place in the request, from 0."},
    "id": UUID,
    "name": {**TEXT, "description": "As sent, cleaned."},
    "size": {**COUNT, "description": "Bytes of the file as uploaded."},
    "checksum": CHECKSUM,
    "content_type": {**TEXT, "description": "By content, never by name.", "examples": ["image/jpeg"]},
    "width": {**PIXELS, "description": "Pixels, as shown: after the EXIF turn."},
    "height": PIXELS,
    "duplicate_of": {
        "type": ["string", "null"],
        "format": "uuid",
        "description": "The first image of these bytes.",
    },
}

_SIDE: Shape = {"type": ["integer", "null"], "minimum": 1, "maximum": recipes.MAX_SIDE}
_RECIPE: dict[str, Shape] = {
    "width": {**_SIDE, "description": "Pixels; null: as the height has it."},
    "height": _SIDE,
    "fit": {
        "enum": list(recipes.FITS),
        "default": "inside",
        "description": "As in sharp and in CSS object-fit.",
    },
    "position": {"enum": list(recipes.POSITIONS), "default": "center"},
    "enlarge": {"type": "boolean", "default": False},
    "formats": array(
        {"enum": list(recipes.FORMATS)},
        minItems=1,
        uniqueItems=True,
        default=["auto"],
        description="`auto`: JPEG; WebP where there is transparency or animation.",
    ),
    "quality": {
        "type": "object",
        "properties": {
            name: {"type": "integer", "minimum": 1, "maximum": most}
            for name, most in recipes.MAX_QUALITY.items()
        },
    },
    "animation": {"enum": list(recipes.ANIMATIONS), "default": "keep"},
    "background": {"type": "string", "pattern": "^#[0-9a-fA-F]{6}$", "default": "#ffffff"},
}

COMPONENTS: dict[str, Shape] = {
    "Problem": {
        "type": "object",
        "description": "RFC 9457. `code` is stable; a refusal for a limit names it in further members.",
        "properties": {
            "type": TEXT,
            "title": TEXT,
            "status": {"type": "integer"},
            "detail": TEXT,
            "code": {"type": "string", "pattern": "^[a-z0-9_]+$"},
            "errors": array({"type": "object"}),
        },
        "required": ["type", "title", "status", "detail", "code", "errors"],
    },
    "Error": record({"code": TEXT, "detail": TEXT}),
    "Color": record(
        {
            "hex": {"type": "string", "pattern": "^#[0-9a-f]{6}$"},
            "hue": {
                "type": ["integer", "null"],
                "minimum": 0,
                "maximum": 359,
                "description": "null: a grey.",
            },
            "share": {"type": "number", "minimum": 0, "maximum": 1},
        }
    ),
    "Point": record({"x": SHARE, "y": SHARE}, description="Shares of width and height, from the left top."),
    "Picture": record(
        {
            "sources": array(
                record({"type": TEXT, "srcset": {**TEXT, "description": "With `w` descriptors."}}),
                description="Of the renditions that show the whole picture, best format first.",
            ),
            "img": record({"src": ADDRESS, "width": PIXELS, "height": PIXELS}),
        },
        description="Ready for a `<picture>`.",
    ),
    "Rendition": record(
        {
            "name": {**TEXT, "examples": ["web", "thumbnail-200"]},
            "version": {**PIXELS, "description": "Of the recipe that it was made by."},
            "animated": {"type": "boolean"},
            "width": PIXELS,
            "height": PIXELS,
            "size": {**COUNT, "description": "Bytes."},
            "content_type": TEXT,
            "url": {**ADDRESS, "description": "Never changes its content."},
        }
    ),
    "Image": record(
        {
            **_UPLOADED,
            # Of an address in a CSV nothing is known until it is fetched.
            "checksum": {**CHECKSUM, "type": ["string", "null"]},
            "width": COUNT,
            "height": COUNT,
            "job_id": UUID,
            "status": {"enum": [status.value for status in IMAGE_STATUSES]},
            "uploaded_at": TIME,
            "finished_at": {**TIME, "type": ["string", "null"]},
            "error": nullable(ref("Error")),
            "colors": array(ref("Color"), maxItems=4, description="Largest share first."),
            "placeholder": {**TEXT, "description": "ThumbHash, base64; empty until completed."},
            "phash": {
                "type": ["string", "null"],
                "pattern": "^[0-9a-f]{16}$",
                "description": "64-bit DCT perceptual hash: pictures that look alike differ in few bits.",
            },
            "focal_point": {
                **nullable(ref("Point")),
                "description": "What crops keep in the middle; null: their recipe's position.",
            },
            "renditions": array(ref("Rendition")),
            "picture": {**nullable(ref("Picture")), "description": "null until there is a rendition."},
            "original_url": {"type": ["string", "null"], "format": "uri-reference"},
            "near_duplicate_of": {
                **UUID,
                "type": ["string", "null"],
                "description": "An earlier image that this one looks like, where its upload said `mark`.",
            },
            "losses": array(
                {"enum": ["animation", "alpha", "depth", "gamut", "profile"]},
                description="What the renditions dropped.",
            ),
        }
    ),
    "Job": record(
        {
            "id": UUID,
            "kind": {"enum": [kind.value for kind in Job.Kind]},
            "status": {"enum": [status.value for status in Status]},
            "total": COUNT,
            "completed": COUNT,
            "failed": COUNT,
            "aborted": COUNT,
            "created_at": TIME,
            "finished_at": {**TIME, "type": ["string", "null"]},
            "seq": {**COUNT, "description": "The number of the last event."},
            "webhook_url": {"type": ["string", "null"]},
            "ahead": {
                "type": ["integer", "null"],
                "minimum": 0,
                "description": "Images that will be worked on before this job's next one; null where it is "
                "finished, and wherever the job is not asked for by itself.",
            },
            "eta_seconds": {
                "type": ["number", "null"],
                "minimum": 0,
                "description": "Until it is done, at the rate of the last minute; null where unknown.",
            },
        },
        description="`completed + failed + aborted` equals `total` exactly when `finished_at` is set.",
    ),
    "Event": record(
        {
            "type": {"enum": ["job.progress", "job.finished"]},
            "seq": {"type": "integer", "minimum": 1},
            "job": ref("Job"),
            "images": array(ref("Image"), description="Those that changed."),
        },
        optional=("images",),
    ),
    "Accepted": record(_UPLOADED),
    "Rejected": record({"index": COUNT, "name": TEXT, "code": TEXT, "detail": TEXT}),
    "Initiated": record(
        {
            "message": TEXT,
            "job_id": UUID,
            "accepted": array(ref("Accepted")),
            "rejected": array(ref("Rejected")),
        }
    ),
    "Uploaded": record({"message": TEXT, "job_id": UUID, "image": ref("Image")}),
    "Recipe": record(
        {
            "name": {"type": "string", "pattern": "^[a-z0-9-]{1,40}$"},
            "origin": {"enum": ["plan", "own"]},
            "version": {**PIXELS, "description": "Rises when what it makes changes."},
            **_RECIPE,
        },
        description="What is made of an image: one rendition in each of its formats.",
    ),
    "RecipeWish": {
        "type": "object",
        "properties": _RECIPE,
        "description": "What is left out has its default.",
    },
    "Recipes": record({"results": array(ref("Recipe"))}),
    "ImageChange": {
        "type": "object",
        "properties": {"focal_point": nullable(ref("Point"))},
        "description": "A JSON merge patch (RFC 7396).",
    },
    "ImagePage": page_of("Image"),
    "JobPage": page_of("Job"),
    "OpenBatch": record({"job_id": UUID, "upload_url": TEXT}),
    "Known": record(
        {"known": {"type": "object", "additionalProperties": UUID, "description": "Image ids by checksum."}}
    ),
    "Checksums": {
        "type": "object",
        "properties": {"checksums": array(CHECKSUM, maxItems=10_000)},
        "required": ["checksums"],
    },
    "Credentials": {
        "type": "object",
        "properties": {
            "username": {"type": "string", "minLength": 1, "maxLength": 150},
            "password": {"type": "string", "minLength": 1, "maxLength": 1024, "format": "password"},
        },
        "required": ["username", "password"],
    },
    "Token": record({"id": UUID, "token": TEXT, "expires_at": TIME}),
    "KeptToken": record(
        {
            "id": UUID,
            "created_at": TIME,
            "expires_at": {**TIME, "type": ["string", "null"]},
            "current": {"type": "boolean", "description": "Whether this request came with it."},
        }
    ),
    "TokenPage": page_of("KeptToken"),
    "Health": record(
        {
            "status": {"enum": ["ok", "unavailable"]},
            "version": TEXT,
            "checks": {"type": "object", "additionalProperties": TEXT},
        }
    ),
    "Connection": record({"db_status": {"enum": ["connected", "disconnected"]}}),
    "Plan": record(
        {
            "name": TEXT,
            "thumbnail_heights": array(PIXELS),
            "keeps_original": {"type": "boolean"},
            "allows_links": {"type": "boolean", "description": "Expiring links to originals."},
            "max_file_bytes": COUNT,
            "max_files": {**COUNT, "description": "Files in one request."},
            "storage_quota_bytes": COUNT,
            "requests_per_minute": COUNT,
            "upload_hours": {**COUNT, "description": "How long an unfinished upload may go on."},
            "max_recipes": {**COUNT, "description": "Recipes of one's own."},
        }
    ),
    "Me": record(
        {
            "user": record({"username": TEXT, "email": TEXT}),
            "plan": ref("Plan"),
            "usage": record({"images": COUNT, "bytes": {**COUNT, "description": "Against the quota."}}),
        }
    ),
}
