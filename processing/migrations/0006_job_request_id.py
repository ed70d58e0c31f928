from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("processing", "0005_job_purged"),
    ]

    operations = [
        migrations.AddField(
            model_name="job",
            name="request_id",
            field=models.CharField(blank=True, default="", help_text="For the logs.", max_length=64),
        ),
    ]
