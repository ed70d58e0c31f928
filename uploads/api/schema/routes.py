"""What the views of uploads take and answer."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiParameter

from processing.models import IMAGE_STATUSES
from uploads.api.schema.components import COUNT, Shape, array, record, ref
from uploads.api.schema.describe import Refusals, describe, operation, query
from uploads.api.views import accounts, images, jobs, recipes
from uploads.api.views import uploads as upload

# `format: binary` is OpenAPI 3.0's word for it, which generators still look for.
FILE: Shape = {"type": "string", "format": "binary", "contentMediaType": "application/octet-stream"}
WEBHOOK: Shape = {
    "type": "string",
    "format": "uri",
    "maxLength": 2000,
    "description": "Told when the job is done.",
}
NEAR_DUPLICATES: Shape = {
    "enum": ["allow", "mark", "reject"],
    "default": "allow",
    "description": "What becomes of an image that looks like an earlier one: `mark` fills its"
    " `near_duplicate_of`, `reject` ends it `failed` with the code `near_duplicate`.",
}
RECIPES: Shape = {
    "type": "string",
    "description": "Names of recipes, comma-separated, that are made beside the plan's.",
    "examples": ["hero,square"],
}
IDEMPOTENCY = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "pattern": '^"?[!#-~]{1,255}"?$'},
    OpenApiParameter.HEADER,
    description="The same key with the same payload within 24 hours gives the first answer again.",
)
PAGING = [
    query("limit", {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100}, "Rows of a page."),
    query("cursor", {"type": "string"}, "From a `next` or `previous` link."),
]
DELETED = query(
    "deleted", {"enum": [0, 1], "default": 0}, "1: instead, those that are deleted and can still be restored."
)
STATUS = query("status", {"enum": [status.value for status in IMAGE_STATUSES]}, "Only images in this state.")
WORDS = query(
    "q",
    {"type": "string", "maxLength": 255},
    "Words; only images in whose name each of them begins one.",
)
BAD_QUERY: Refusals = {
    400: {
        "invalid": "`limit` is a whole number from 1 to 1000, not `0`.",
        "bad_cursor": "This cursor is none of ours; follow the links as they came.",
    }
}
NO_IMAGE: Refusals = {404: {"not_found": "There is no such image."}}
NO_JOB: Refusals = {404: {"not_found": "There is no such job."}}
UPLOAD: Refusals = {
    400: {
        "malformed_multipart": "The body is not multipart/form-data: it ends before its closing boundary",
        "unexpected_field": "Files come in the field `images`, not in `image`.",
        "empty_file": "The file is empty.",
        "unknown_recipe": "There is no recipe `hero`; known are web, thumbnail-200.",
        "invalid_idempotency_key": "An Idempotency-Key is 1 to 255 visible ASCII characters.",
    },
    408: {"request_timeout": "The request took longer than 600 s to arrive."},
    409: {"idempotency_key_in_use": "The first request with this Idempotency-Key is still being processed."},
    413: {
        "body_too_large": "The body has 3,000,000,000 bytes; this server takes at most 2,147,483,648.",
        "too_many_files": "This request may carry 100 file(s) in the plan Basic; it carries more.",
        "file_too_large": "The file has 30,000,000 bytes; the plan Basic allows 20,971,520.",
        "quota_exceeded": "The plan Basic stores 1,073,741,824 bytes, and 1,073,741,824 of them are used.",
    },
    422: {"idempotency_key_reused": "This Idempotency-Key came before with another payload."},
    507: {"storage_full": "The storage is full; nothing was taken in."},
}


# What may come with every upload.
_WISHES: dict[str, Shape] = {
    "webhook_url": WEBHOOK,
    "recipes": RECIPES,
    "near_duplicates": NEAR_DUPLICATES,
}


def _form(field: str, shape: Shape) -> Shape:
    return {
        "type": "object",
        "properties": {field: shape, **_WISHES},
        "required": [field],
    }


def _many(summary: str, description: str) -> object:
    return operation(
        "upload",
        summary,
        {202: "Initiated"},
        description=description,
        multipart=_form("images", array(FILE, minItems=1)),
        example={"images": ["a.jpg", "b.heic"], "webhook_url": "https://example.com/hook"},
        parameters=[IDEMPOTENCY],
        refusals=UPLOAD
        | {400: UPLOAD[400] | {"no_images": "Send at least one file in the multipart field `images`."}},
    )


describe(
    upload.SingleUploadView,
    post=operation(
        "upload",
        "One image, processed before the answer",
        {200: "Uploaded", 202: "Initiated"},
        description="202 where the pixels take longer than 30 s: the job goes on.",
        multipart=_form("image", FILE),
        binary=("image/*", "application/octet-stream"),
        example={"image": "photo.jpg"},
        parameters=[
            IDEMPOTENCY,
            query("name", {"type": "string"}, "The file's name, of a body of bytes."),
            *(
                query(name, shape, "The form's field, for a body of bytes.")
                for name, shape in _WISHES.items()
            ),
        ],
        refusals=UPLOAD
        | {
            400: UPLOAD[400] | {"no_image": "Send at least one file in the multipart field `image`."},
            413: UPLOAD[413]
            | {"too_many_pixels": "The image has 4,294,836,225 pixels; at most 120,000,000."},
            415: {"unsupported_format": "This is not a JPEG, PNG, WebP, GIF, AVIF, HEIC, BMP or TIFF."},
            422: UPLOAD[422]
            | {"undecodable": "The file can't be read as an image.", "truncated": "The file ends early."},
        },
    ),
)
describe(upload.MultiUploadView, post=_many("Several images, each as soon as possible", "One task an image."))
describe(
    upload.BatchUploadView,
    post=_many("Many images, as fast as possible", "One bad file never fails its batch: see `rejected`."),
)
describe(
    images.ImageListView,
    get=operation(
        "images",
        "Own images, newest first",
        {200: array(ref("Image"))},
        description='`Link: <...>; rel="next"` while there is more.',
        parameters=[*PAGING, STATUS, DELETED, WORDS],
        refusals=BAD_QUERY,
    ),
)
describe(
    images.ImageView,
    get=operation("images", "One image", {200: "Image", 304: None}, refusals=NO_IMAGE),
    patch=operation(
        "images",
        "Set the focal point",
        {200: "Image"},
        description="Renditions whose recipe's fit is `cover` are made anew around it, in a derive job.",
        request=ref("ImageChange"),
        example={"focal_point": {"x": 0.3, "y": 0.4}},
        parameters=[
            OpenApiParameter(
                "If-Match", {"type": "string"}, OpenApiParameter.HEADER, description="The ETag last seen."
            )
        ],
        refusals={
            **NO_IMAGE,
            400: {"invalid": "A number from 0 to 1."},
            412: {"precondition_failed": "The image has changed meanwhile; look at it again."},
        },
    ),
    delete=operation(
        "images",
        "Delete softly",
        {204: None},
        description="Gone from lists at once; can be restored until the retention time is over.",
        refusals=NO_IMAGE,
    ),
)
describe(images.RestoreView, post=operation("images", "Bring back", {200: "Image"}, refusals=NO_IMAGE))
describe(
    images.OriginalView,
    get=operation(
        "images",
        "The bytes as uploaded",
        {(200, "image/*"): FILE},
        refusals={**NO_IMAGE, 403: {"plan_forbids": "The plan Basic keeps no originals."}},
    ),
)
describe(
    images.CheckView,
    post=operation(
        "images",
        "Which contents need not be sent again",
        {200: "Known"},
        request=ref("Checksums"),
        example={"checksums": ["sha256:" + "0" * 64]},
        refusals={400: {"invalid": "checksums.0: Write sha256:<64 hex digits>."}},
    ),
)
describe(
    images.AdoptView,
    post=operation(
        "images",
        "Take over what was uploaded without credentials",
        {200: record({"images": COUNT, "left": COUNT})},
        description="For administrators. `images` is how many were moved; those `left` are still under way.",
        refusals={403: {"not_an_administrator": "Only an administrator can take them over."}},
    ),
)
describe(
    jobs.JobListView,
    get=operation("jobs", "Own jobs, newest first", {200: "JobPage"}, parameters=PAGING, refusals=BAD_QUERY),
)
describe(
    jobs.JobView,
    get=operation(
        "jobs",
        "Where a job stands",
        {200: "Job", 304: None},
        description="With an ETag; `Retry-After: 1` while it is unfinished.",
        refusals=NO_JOB,
    ),
)
describe(
    jobs.JobImagesView,
    get=operation(
        "jobs",
        "A job's images in upload order",
        {200: "ImagePage"},
        parameters=[*PAGING, STATUS],
        refusals=BAD_QUERY | NO_JOB,
    ),
)
describe(
    jobs.RetryView, post=operation("jobs", "Only the failed images again", {202: "Job"}, refusals=NO_JOB)
)
describe(jobs.CancelView, post=operation("jobs", "Abort what has not started", {202: "Job"}, refusals=NO_JOB))
describe(
    accounts.TokenView,
    get=operation(
        "account",
        "Own tokens, newest first",
        {200: "TokenPage"},
        description="Those that have not expired; `current` is the one of this request.",
        parameters=PAGING,
        refusals=BAD_QUERY,
    ),
    post=operation(
        "account",
        "A bearer token for a name and a password",
        {201: "Token"},
        request=ref("Credentials"),
        example={"username": "alice", "password": "a long pass phrase"},
        refusals={401: {"invalid_credentials": "This name and password do not belong together."}},
        is_open=True,
    ),
)
describe(
    accounts.CurrentTokenView,
    delete=operation(
        "account",
        "Revoke the token of this request",
        {204: None},
        refusals={400: {"no_token": "This request did not come with a bearer token."}},
    ),
)
describe(
    accounts.OtherTokenView,
    delete=operation(
        "account",
        "End one of the own tokens",
        {204: None},
        refusals={404: {"not_found": "There is no such token."}},
    ),
)
describe(accounts.MeView, get=operation("account", "The account, its plan, its usage", {200: "Me"}))
_NO_RECIPE: Refusals = {404: {"not_found": "There is no such recipe."}}
_OF_PLAN: Refusals = {
    403: {"plan_forbids": "`web` is a recipe of plans, which can be read only; take another name."}
}
_RECIPE_EXAMPLE = {
    "width": 600,
    "height": 600,
    "fit": "cover",
    "position": "attention",
    "formats": ["avif", "auto"],
}

describe(
    recipes.RecipeListView,
    get=operation("recipes", "The plan's recipes, then one's own", {200: "Recipes"}),
)
describe(
    recipes.RecipeView,
    get=operation("recipes", "One recipe", {200: "Recipe"}, refusals=_NO_RECIPE),
    put=operation(
        "recipes",
        "Make or replace a recipe of one's own",
        {200: "Recipe", 201: "Recipe"},
        request=ref("RecipeWish"),
        example=_RECIPE_EXAMPLE,
        refusals={
            **_OF_PLAN,
            400: {"invalid": "A whole number from 1 to 8192."},
            409: {"too_many_recipes": "The plan Basic allows 5 recipes of one's own; 5 are there."},
        },
    ),
    delete=operation(
        "recipes",
        "Drop a recipe of one's own",
        {204: None},
        description="What it made stays.",
        refusals={**_NO_RECIPE, **_OF_PLAN},
    ),
)
describe(
    recipes.ApplyView,
    post=operation(
        "recipes",
        "Make it of all one's images",
        {202: "Job"},
        description="Also anew where its version has risen. The new file is there before the old one goes.",
        refusals=_NO_RECIPE,
    ),
)
