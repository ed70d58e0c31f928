"""The administrators' pages: as many queries for a thousand rows as for one, actions as everywhere else."""

from __future__ import annotations

import pytest
from django.contrib.admin import autodiscover, site
from django.contrib.auth.models import Permission
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from processing.accounts.models import Plan, StoredRecipe, User
from processing.files import link_permits
from processing.jobs import deletion
from processing.ledger import Outcome, settle
from processing.models import Delivery, Image, Job, Status
from processing.plumbing.uuid7 import uuid7
from tests.cast import held, person, submitted
from tests.drawing import photo
from tests.keeping import made, taken_in

pytestmark = pytest.mark.django_db

COLORS = [{"hex": "#aa3300", "hue": 18, "share": 0.7}, {"hex": "#ffffff", "hue": None, "share": 0.2}]
RENDITIONS = [
    {
        **{"name": name, "width": w, "height": h, "size": 999, "content_type": "image/jpeg"},
        **{"file": f"{name}.jpg", "version": 1, "animated": False, "focal": None},
    }
    for name, w, h in (("web", 800, 1200), ("thumbnail-200", 133, 200))
]


@pytest.fixture
def admin() -> Client:
    boss = person("boss")
    User.objects.filter(id=boss.id).update(is_staff=True, is_superuser=True)
    client = Client()
    client.force_login(User.objects.get(id=boss.id))
    return client


def filled(count: int) -> None:
    """So many accounts, each with a job of one completed image."""
    plan, now = Plan.objects.get(name="Premium"), timezone.now()
    users = User.objects.bulk_create(User(username=f"user-{uuid7()}", plan=plan) for _ in range(count))
    done = {"status": "completed", "finished_at": now}
    jobs = Job.objects.bulk_create(
        Job(owner=user, kind="batch", recipes=[], total=1, completed=1, created_at=now, **done)
        for user in users
    )
    Image.objects.bulk_create(
        Image(
            job=job,
            owner_id=job.owner_id,
            index=0,
            name="a.jpg",
            size=1000,
            checksum="0" * 64,
            content_type="image/jpeg",
            width=800,
            height=1200,
            key="k" * 22,
            colors=COLORS,
            renditions=RENDITIONS,
            uploaded_at=now,
            **done,
        )
        for job in jobs
    )
    Delivery.objects.bulk_create(
        Delivery(owner_id=job.owner_id, job=job, url="https://a.invalid/hook", receiver="a", body="{}")
        for job in jobs
    )


def asked(admin: Client, path: str) -> tuple[int, str]:
    """How many queries the page took, and the page."""
    with CaptureQueriesContext(connection) as captured:
        answer = admin.get(path)
    assert answer.status_code == 200
    return len(captured), answer.content.decode()


@pytest.mark.parametrize(
    ("model", "page", "mark"),
    [
        (Image, "/admin/processing/image/", 'class="look-swatches"'),
        (Image, "/admin/processing/image/?status__exact=completed&deleted=no&q=a.jpg", "look-thumbnail"),
        (Job, "/admin/processing/job/", 'class="look-bar"'),
        (User, "/admin/processing/user/", 'class="look-bar"'),
        (Delivery, "/admin/processing/delivery/", "https://a.invalid/hook"),
    ],
)
def test_a_page_of_a_thousand_rows_asks_no_more_than_one_of_a_single_row(
    admin: Client, model: type[Model], page: str, mark: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    autodiscover()  # the first request would do it
    monkeypatch.setattr(site._registry[model], "list_per_page", 1001)
    filled(1)
    few, _ = asked(admin, page)
    filled(999)
    many, shown = asked(admin, page)
    assert shown.count(mark) >= 1000
    assert many <= few
    print(f"{page}: {many} queries for 1,000 rows")


def test_the_page_of_plans_asks_no_more_for_many(admin: Client) -> None:
    few, _ = asked(admin, "/admin/processing/plan/")
    Plan.objects.bulk_create(Plan(name=f"Plan {n}", thumbnail_heights=[200]) for n in range(50))
    many, shown = asked(admin, "/admin/processing/plan/")
    assert shown.count("-thumbnail_heights") >= 53, "the sizes are edited in the list"
    assert many <= few


def acted(admin: Client, model: str, action: str, *rows: Model) -> str:
    """The page after this action on these rows."""
    data = {"action": action, "_selected_action": [str(row.pk) for row in rows]}
    answer = admin.post(f"/admin/processing/{model}/", data, follow=True)
    assert answer.status_code == 200
    return answer.content.decode()


def test_an_image_is_found_by_name_and_checksum(admin: Client) -> None:
    submitted(person("alice"), 3)
    for query, found in (
        ("1.jpg", ["1.jpg"]),
        (f"sha256:{2:064x}", ["2.jpg"]),
        (f"{0:063x}", ["0.jpg", "1.jpg", "2.jpg"]),
        ("nothing", []),
    ):
        page = asked(admin, f"/admin/processing/image/?q={query}")[1]
        assert [name for name in ("0.jpg", "1.jpg", "2.jpg") if f">{name}<" in page] == found


def test_failed_images_are_sent_again_one_by_one(admin: Client) -> None:
    job, images = submitted(person("alice"), 3)
    settle([Outcome(c.image.id, c.image.lease or 0, Status.FAILED, "timeout") for c in held(images)])
    page = acted(admin, "image", "retry", images[0], images[1])
    assert "2 images sent again" in page
    statuses = list(job.images.order_by("index").values_list("status", flat=True))
    assert statuses == ["pending", "pending", "failed"]
    job.refresh_from_db()
    assert (job.failed, job.finished_at, job.status) == (1, None, "processing")
    assert "0 images sent again" in acted(admin, "image", "retry", images[0])


def test_images_are_deleted_softly_and_restored(admin: Client) -> None:
    [image] = made(taken_in(person("alice"), photo(1, 60, 40)))
    link_permits.permit(image)
    assert "1 image deleted" in acted(admin, "image", "delete_softly", image)
    image.refresh_from_db()
    assert image.deleted_at is not None
    assert image.link_key == ""
    assert "1 image restored" in acted(admin, "image", "restore", image)
    image.refresh_from_db()
    assert image.deleted_at is None


def test_the_trash_is_emptied_early(admin: Client) -> None:
    alice = person("alice")
    kept, thrown, another = made(taken_in(alice, photo(1, 60, 40), photo(2, 60, 40), photo(3, 60, 40)))
    deletion.delete_all([thrown.id, another.id])
    assert "1 image on their way out" in acted(admin, "image", "empty_trash", kept, thrown)
    assert deletion.purge() == 1
    assert "1 deleted images on their way out" in acted(admin, "user", "empty_trash", alice)
    assert deletion.purge() == 1
    assert list(Image.objects.of(alice.pk)) == [kept]


def test_links_are_revoked(admin: Client) -> None:
    [image] = made(taken_in(person("alice"), photo(1, 60, 40)))
    link_permits.permit(image)
    assert "1 image without links now" in acted(admin, "image", "revoke_links", image)
    image.refresh_from_db()
    assert image.link_key == ""


def test_missing_renditions_are_made_as_a_job_of_the_owner(admin: Client) -> None:
    alice = person("alice", "Premium")
    one, other = made(taken_in(alice, photo(1, 600, 500), photo(2, 600, 500)))
    Plan.objects.filter(name="Premium").update(thumbnail_heights=[200, 400, 450])
    assert "1 image on their way" in acted(admin, "image", "derive_again", other)
    job = Job.objects.get(kind="derive")
    assert (job.owner_id, job.total) == (alice.id, 1)
    assert list(job.derivations.values_list("image_id", flat=True)) == [other.id]
    assert one.id != other.id


def test_jobs_are_cancelled(admin: Client) -> None:
    job, _ = submitted(person("alice"), 3)
    assert "3 cancelled" in acted(admin, "job", "cancel", job)
    job.refresh_from_db()
    assert (job.status, job.aborted) == ("aborted", 3)


def test_rows_of_the_engine_are_not_edited_by_hand(admin: Client) -> None:
    job, images = submitted(person("alice"), 1)
    for model, row in (("image", images[0]), ("job", job)):
        assert admin.get(f"/admin/processing/{model}/{row.pk}/change/").status_code == 200
        assert admin.get(f"/admin/processing/{model}/add/").status_code == 403
        assert admin.post(f"/admin/processing/{model}/{row.pk}/delete/", {"post": "yes"}).status_code == 403
        assert "delete_selected" not in asked(admin, f"/admin/processing/{model}/")[1]


def test_who_may_only_look_has_no_actions(admin: Client) -> None:
    clerk = person("clerk")
    clerk.is_staff = True
    clerk.save()
    clerk.user_permissions.add(Permission.objects.get(codename="view_image"))
    _, [image] = submitted(person("alice"), 1)
    client = Client()
    client.force_login(clerk)
    assert 'name="action"' not in asked(client, "/admin/processing/image/")[1]
    client.post("/admin/processing/image/", {"action": "delete_softly", "_selected_action": [str(image.pk)]})
    image.refresh_from_db()
    assert image.deleted_at is None


def test_plans_are_edited_in_the_list_and_mark_their_accounts(admin: Client) -> None:
    alice, charlie = person("alice", "Premium"), person("charlie", "Basic")
    User.objects.update(derived_for=[200])
    plans = list(Plan.objects.order_by("id"))
    data: dict[str, object] = {"form-TOTAL_FORMS": 3, "form-INITIAL_FORMS": 3, "_save": "Save"}
    for index, plan in enumerate(plans):
        given = {"id": plan.id, "thumbnail_heights": ",".join(map(str, plan.thumbnail_heights))}
        if plan.name == "Premium":
            given["thumbnail_heights"] = "400, 300,400"
        for name in ("keeps_original", "allows_links"):
            if getattr(plan, name):
                given[name] = "on"
        data |= {f"form-{index}-{name}": value for name, value in given.items()}
    assert admin.post("/admin/processing/plan/", data).status_code == 302
    assert Plan.objects.get(name="Premium").thumbnail_heights == [300, 400]
    for user, marked in ((alice, []), (charlie, [200])):
        user.refresh_from_db()
        assert user.derived_for == marked


def test_a_plans_recipe_shows_what_it_makes_and_rises_when_it_changes(admin: Client) -> None:
    alice = person("alice", "Premium")
    plan = Plan.objects.get(name="Premium")
    User.objects.filter(id=alice.id).update(derived_for=plan.thumbnail_heights)
    row = StoredRecipe.objects.get(plan=plan, name="web")
    path = f"/admin/processing/storedrecipe/{row.id}/change/"
    assert "data:image/jpeg;base64," in asked(admin, path)[1]
    given = {"plan": plan.id, "name": "web", "width": 1000, "fit": "inside", "position": "center"}
    given |= {"formats": ["avif", "jpeg"], "quality_jpeg": 70, "quality_webp": 79, "quality_avif": 60}
    given |= {"animation": "keep", "background": "#ffffff", "_continue": "1"}
    bad = admin.post(path, {**given, "name": "Web", "background": "red"})
    assert "Select" not in bad.content.decode()
    assert "1 to 40 of the characters" in bad.content.decode()
    assert admin.post(path, given).status_code == 302
    row.refresh_from_db()
    plan.refresh_from_db()
    alice.refresh_from_db()
    (web, *_) = plan.recipes()
    assert (row.version, web.version, web.width, web.formats) == (2, 2, 1000, ("avif", "jpeg"))
    assert alice.derived_for == []
    assert asked(admin, path)[1].count("data:image/") == 2
    assert admin.post(path, given).status_code == 302
    row.refresh_from_db()
    assert row.version == 2, "nothing changed"


def test_passwords_must_be_good(admin: Client) -> None:
    form = {"username": "alice", "plan": Plan.objects.get(name="Basic").id, "usable_password": "true"}
    weak = admin.post(
        "/admin/processing/user/add/", {**form, "password1": "12345678", "password2": "12345678"}
    )
    assert "entirely numeric" in weak.content.decode()
    assert not User.objects.filter(username="alice").exists()


def test_accounts_are_switched_off_not_deleted(admin: Client) -> None:
    alice = person("alice")
    assert admin.post(f"/admin/processing/user/{alice.id}/delete/", {"post": "yes"}).status_code == 403
